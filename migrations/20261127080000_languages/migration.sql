-- A language is a file of sentences (src/i18n), which may be added: the program says which there are.
ALTER TABLE account DROP CONSTRAINT account_locale_check;
ALTER TABLE account ADD CONSTRAINT account_locale_check CHECK (locale ~ '^[a-z]{2}$');
