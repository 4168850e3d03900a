-- How people meet the organisation: set on a page by those who administer. One row at most; what is null is not set.
CREATE TABLE organisation (
  is_one boolean PRIMARY KEY DEFAULT true CHECK (is_one),
  name text,
  support_name text,
  support_phone text,
  support_hours text,
  accent text CHECK (accent ~ '^#[0-9a-f]{6}$'),
  logo bytea,
  logo_type text,
  changed_at timestamptz(6) NOT NULL,
  CHECK ((logo IS NULL) = (logo_type IS NULL)),
  CHECK (support_name IS NOT NULL OR (support_phone IS NULL AND support_hours IS NULL))
);
