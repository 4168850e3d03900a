-- Groups that a directory keeps (SCIM 2.0). Who is in one stands in account.groups, by name, where the policy reads it.
CREATE TABLE directory_group (
  id           uuid PRIMARY KEY,
  display_name text NOT NULL UNIQUE,
  external_id  text UNIQUE,
  created_at   timestamptz NOT NULL,
  updated_at   timestamptz NOT NULL
);
