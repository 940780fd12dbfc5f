-- How sure a field is, and who pointed at its passages.
PRAGMA user_version = 2;

ALTER TABLE claims ADD COLUMN found_by TEXT CHECK (found_by IN ('model', 'rules', 'both'));
-- A probability; NULL where none was measured, as for everything stored before.
ALTER TABLE claims ADD COLUMN confidence REAL CHECK (confidence BETWEEN 0 AND 1);
