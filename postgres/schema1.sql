-- A process that takes part. Its row is renewed; if it is not, others delete it.
CREATE TABLE prow.replicas (
	id    bigint PRIMARY KEY,
	until timestamptz NOT NULL
);

-- Slim rows with what is searched, and the large beside them.
CREATE TABLE prow.deliveries (
	seq      bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	id       text COLLATE "C" NOT NULL UNIQUE,
	born     bigint NOT NULL, -- the call that stored it: one that is repeated knows its own
	event    text NOT NULL,
	action   text NOT NULL,
	org      text COLLATE "C" NOT NULL,
	repo     text COLLATE "C" NOT NULL,
	number   bigint NOT NULL,
	login    text NOT NULL,
	received bigint NOT NULL, -- times are nanoseconds since 1970, 0 is none
	state    text NOT NULL DEFAULT 'waiting',
	tries    int NOT NULL DEFAULT 0,
	next     bigint NOT NULL DEFAULT 0,
	handled  bigint NOT NULL DEFAULT 0,
	results  text NOT NULL DEFAULT '',
	error    text NOT NULL DEFAULT '',
	touched  timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE INDEX deliveries_waiting ON prow.deliveries (org, repo, number, seq) WHERE state = 'waiting';
CREATE INDEX deliveries_where ON prow.deliveries (org, repo, number, seq);
CREATE INDEX deliveries_done ON prow.deliveries (received) WHERE state <> 'waiting';

-- Headers and body, compressed by us.
CREATE TABLE prow.delivery_bodies (
	seq  bigint PRIMARY KEY REFERENCES prow.deliveries ON DELETE CASCADE,
	body bytea NOT NULL
);
ALTER TABLE prow.delivery_bodies ALTER COLUMN body SET STORAGE EXTERNAL;

-- The deliveries of one place that wait. Whoever owns the line handles the one
-- that is claimed; nobody else takes another of the line meanwhile.
CREATE TABLE prow.lines (
	org     text COLLATE "C" NOT NULL,
	repo    text COLLATE "C" NOT NULL,
	number  bigint NOT NULL,
	head    bigint NOT NULL, -- seq of the first that waits
	next    bigint NOT NULL, -- it may not go before
	owner   bigint REFERENCES prow.replicas ON DELETE SET NULL,
	claimed bigint,          -- seq; means something while there is an owner
	PRIMARY KEY (org, repo, number)
) WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 2000);
CREATE INDEX lines_free ON prow.lines (head) WHERE owner IS NULL;
CREATE INDEX lines_owner ON prow.lines (owner) WHERE owner IS NOT NULL;

CREATE TABLE prow.memory (
	name  text COLLATE "C" PRIMARY KEY,
	value bytea NOT NULL
);

CREATE TABLE prow.notes (
	seq    bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	key    bytea UNIQUE, -- none: each is another one
	org    text COLLATE "C" NOT NULL,
	repo   text COLLATE "C" NOT NULL,
	number bigint NOT NULL,
	at     bigint NOT NULL,
	json   text NOT NULL
);
CREATE INDEX notes_where ON prow.notes (org, repo, number, at, seq);
CREATE INDEX notes_repo ON prow.notes (org, repo, at, seq);
