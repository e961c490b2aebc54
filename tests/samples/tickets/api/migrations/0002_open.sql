ALTER TABLE tickets ADD COLUMN open boolean NOT NULL DEFAULT true;
