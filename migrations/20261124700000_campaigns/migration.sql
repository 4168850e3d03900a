-- Getting a group to set up a second factor before a day, with reminders by mail.
CREATE TABLE campaign (
  id                uuid PRIMARY KEY,
  name              text NOT NULL,
  -- Empty for everybody.
  group_name        text NOT NULL,
  starts_on         date NOT NULL,
  deadline          date NOT NULL CHECK (deadline >= starts_on),
  remind_every_days integer NOT NULL CHECK (remind_every_days BETWEEN 1 AND 60),
  created_by        text NOT NULL,
  created_at        timestamptz NOT NULL,
  ended_at          timestamptz
);

CREATE TABLE campaign_reminder (
  campaign_id uuid NOT NULL REFERENCES campaign ON DELETE CASCADE,
  account_id  uuid NOT NULL REFERENCES account ON DELETE CASCADE,
  sent_at     timestamptz NOT NULL,
  times       integer NOT NULL DEFAULT 1,
  PRIMARY KEY (campaign_id, account_id)
);
