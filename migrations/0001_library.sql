-- The library: documents and their immutable texts, jobs, results with evidence, reviews.
-- All spans are half-open byte ranges of texts.text. Times are milliseconds since 1970. Digests are lower-case hex.
-- A migration is never edited once merged; each one sets user_version to its own number.
PRAGMA application_id = 1279607636; -- "LECT"
PRAGMA user_version = 1;

CREATE TABLE documents (
    id INTEGER PRIMARY KEY AUTOINCREMENT, -- never used again: caches are keyed by it
    sha256 TEXT NOT NULL UNIQUE CHECK (length(sha256) = 64),
    name TEXT NOT NULL,
    bytes INTEGER NOT NULL CHECK (bytes >= 0),
    format TEXT,
    status TEXT NOT NULL CHECK (status IN ('importing', 'ready', 'partial', 'needs_ocr', 'needs_password', 'damaged',
                                           'empty', 'unsupported', 'failed')),
    message TEXT,
    title TEXT,
    indexed INTEGER NOT NULL DEFAULT 0 CHECK (indexed IN (0, 1)),
    imported_ms INTEGER NOT NULL
) STRICT;
CREATE INDEX documents_unindexed ON documents (id) WHERE indexed = 0;

CREATE TABLE texts (
    document INTEGER PRIMARY KEY REFERENCES documents (id) ON DELETE CASCADE,
    text TEXT NOT NULL,
    bytes INTEGER NOT NULL CHECK (bytes >= 0),
    digest TEXT NOT NULL CHECK (length(digest) = 64), -- BLAKE3 of the UTF-8 bytes of text
    page_count INTEGER NOT NULL CHECK (page_count >= 0),
    pages_need_ocr INTEGER NOT NULL CHECK (pages_need_ocr BETWEEN 0 AND page_count),
    extractor_name TEXT NOT NULL,
    extractor_version TEXT NOT NULL
) STRICT;
-- Evidence points into it by offset, so it never changes; only deleting the document takes it away.
CREATE TRIGGER texts_are_immutable BEFORE UPDATE ON texts
BEGIN SELECT RAISE (ABORT, 'a canonical text never changes'); END;

CREATE TABLE pages (
    document INTEGER NOT NULL REFERENCES texts (document) ON DELETE CASCADE,
    position INTEGER NOT NULL,
    number INTEGER NOT NULL CHECK (number >= 1),
    start_byte INTEGER NOT NULL CHECK (start_byte >= 0),
    end_byte INTEGER NOT NULL CHECK (end_byte >= start_byte),
    width REAL NOT NULL,
    height REAL NOT NULL,
    status TEXT NOT NULL CHECK (status IN ('ok', 'poor', 'needs_ocr', 'blank', 'failed')),
    extractor_name TEXT NOT NULL,
    extractor_version TEXT NOT NULL,
    quality REAL NOT NULL,
    boxes BLOB NOT NULL, -- glyph boxes, see engine/src/store/glyphs.rs
    PRIMARY KEY (document, position)
) STRICT, WITHOUT ROWID;

CREATE TABLE sections (
    document INTEGER NOT NULL REFERENCES texts (document) ON DELETE CASCADE,
    position INTEGER NOT NULL,
    level INTEGER NOT NULL CHECK (level BETWEEN 0 AND 255),
    heading_start INTEGER NOT NULL CHECK (heading_start >= 0),
    heading_end INTEGER NOT NULL CHECK (heading_end >= heading_start),
    start_byte INTEGER NOT NULL CHECK (start_byte >= 0),
    end_byte INTEGER NOT NULL CHECK (end_byte >= start_byte),
    PRIMARY KEY (document, position)
) STRICT, WITHOUT ROWID;

CREATE TABLE blocks (
    document INTEGER NOT NULL REFERENCES texts (document) ON DELETE CASCADE,
    position INTEGER NOT NULL,
    kind TEXT NOT NULL, -- JSON of BlockKind
    start_byte INTEGER NOT NULL CHECK (start_byte >= 0),
    end_byte INTEGER NOT NULL CHECK (end_byte >= start_byte),
    PRIMARY KEY (document, position)
) STRICT, WITHOUT ROWID;

CREATE TABLE cues (
    document INTEGER NOT NULL REFERENCES texts (document) ON DELETE CASCADE,
    position INTEGER NOT NULL,
    start_byte INTEGER NOT NULL CHECK (start_byte >= 0),
    end_byte INTEGER NOT NULL CHECK (end_byte >= start_byte),
    speaker TEXT,
    start_ms INTEGER,
    end_ms INTEGER,
    PRIMARY KEY (document, position)
) STRICT, WITHOUT ROWID;

CREATE TABLE notes (
    document INTEGER NOT NULL REFERENCES texts (document) ON DELETE CASCADE,
    position INTEGER NOT NULL,
    code TEXT NOT NULL,
    message TEXT NOT NULL,
    page INTEGER,
    PRIMARY KEY (document, position)
) STRICT, WITHOUT ROWID;

CREATE TABLE runs (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    document INTEGER NOT NULL REFERENCES texts (document) ON DELETE CASCADE,
    spec TEXT NOT NULL,       -- JSON of TaskSpec
    coverage TEXT NOT NULL,   -- JSON of Coverage
    provenance TEXT NOT NULL, -- JSON of Provenance
    created_ms INTEGER NOT NULL
) STRICT;
CREATE INDEX runs_by_document ON runs (document);

CREATE TABLE claims (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    run INTEGER NOT NULL REFERENCES runs (id) ON DELETE CASCADE,
    position INTEGER NOT NULL,
    kind TEXT NOT NULL,
    label TEXT NOT NULL,
    text TEXT NOT NULL,
    value TEXT,               -- JSON of Value
    status TEXT NOT NULL CHECK (status IN ('verified', 'fuzzy', 'unsupported', 'not_found')),
    unlocated TEXT NOT NULL,  -- JSON list of quotes that do not stand in the document
    owner TEXT,
    due TEXT,
    checks TEXT NOT NULL,     -- JSON list of sentences
    UNIQUE (run, position)
) STRICT;

CREATE TABLE evidence (
    claim INTEGER NOT NULL REFERENCES claims (id) ON DELETE CASCADE,
    role TEXT NOT NULL CHECK (role IN ('support', 'contrary')),
    position INTEGER NOT NULL,
    start_byte INTEGER NOT NULL CHECK (start_byte >= 0),
    end_byte INTEGER NOT NULL,
    quote TEXT NOT NULL,
    matched TEXT NOT NULL CHECK (matched IN ('exact', 'folded')),
    occurrences INTEGER NOT NULL CHECK (occurrences >= 0),
    PRIMARY KEY (claim, role, position),
    CHECK (start_byte < end_byte)
) STRICT, WITHOUT ROWID;

-- What was searched for a claim that was not found; the passages against it are evidence of role 'contrary'.
CREATE TABLE searched (
    claim INTEGER PRIMARY KEY REFERENCES claims (id) ON DELETE CASCADE,
    read_tokens INTEGER NOT NULL,
    queries TEXT NOT NULL -- JSON list
) STRICT;

-- Every review ever given; the latest of a claim counts.
CREATE TABLE edits (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    claim INTEGER NOT NULL REFERENCES claims (id) ON DELETE CASCADE,
    verdict TEXT NOT NULL CHECK (verdict IN ('accepted', 'edited', 'rejected')),
    text TEXT,
    note TEXT,
    created_ms INTEGER NOT NULL
) STRICT;
CREATE INDEX edits_by_claim ON edits (claim);

CREATE TABLE jobs (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    spec TEXT NOT NULL, -- JSON of JobSpec
    state TEXT NOT NULL CHECK (state IN ('queued', 'running', 'done', 'failed', 'cancelled', 'needs_choice')),
    done INTEGER NOT NULL DEFAULT 0,
    total INTEGER,
    unit TEXT NOT NULL DEFAULT '',
    message TEXT,
    error_code TEXT,
    attempts INTEGER NOT NULL DEFAULT 0,
    document INTEGER REFERENCES documents (id) ON DELETE CASCADE,
    run INTEGER REFERENCES runs (id) ON DELETE SET NULL,
    created_ms INTEGER NOT NULL,
    updated_ms INTEGER NOT NULL
) STRICT;
CREATE INDEX jobs_open ON jobs (id) WHERE state IN ('queued', 'running');
CREATE INDEX jobs_by_document ON jobs (document);

-- Documents whose rows are gone but whose files and index entries may not be: finished at the next open.
CREATE TABLE removals (
    document INTEGER PRIMARY KEY,
    sha256 TEXT NOT NULL
) STRICT;
