-- A long session on one connection. Nothing in it depends on time, on process ids or
-- on the server's version.
\set ON_ERROR_STOP off
SET TIME ZONE 'UTC';
CREATE TEMP TABLE myself AS SELECT pg_backend_pid() AS pid;

-- 1. Rows, in and out.
CREATE TABLE item (id bigint PRIMARY KEY, name text NOT NULL, price numeric(12, 2), note text, blob bytea);
INSERT INTO item SELECT i, 'item ' || i, i * 1.01, repeat(md5(i::text), i % 20), decode(md5(i::text), 'hex') FROM generate_series(1, 20000) AS i;
SELECT count(*), sum(price), md5(string_agg(note, ',' ORDER BY id)) FROM item;
SELECT * FROM item WHERE id <= 2000 ORDER BY id;
\copy (SELECT * FROM item ORDER BY id LIMIT 5000) TO STDOUT WITH (FORMAT csv)
CREATE TABLE line (a int, b text);
COPY line FROM STDIN;
1	first
2	a tab\t and a newline\n and a backslash \\
3	\N
\.
SELECT * FROM line ORDER BY a;

-- 2. Long values.
SELECT repeat('0123456789abcdef', 65536) AS one_mebibyte;
SELECT length(x), md5(x) FROM (SELECT repeat('x', 50 * 1024 * 1024) AS x) AS large;
SELECT encode(string_agg(decode(md5(i::text), 'hex'), '' ORDER BY i), 'hex') FROM generate_series(1, 10000) AS i;

-- 3. Transactions, savepoints, mistakes.
BEGIN;
INSERT INTO item VALUES (1, 'twice', 0, NULL, NULL);
SELECT 'not now';
ROLLBACK;
BEGIN;
DELETE FROM item WHERE id > 10;
SAVEPOINT s;
SELECT 1 / 0;
ROLLBACK TO s;
SELECT count(*) FROM item;
ROLLBACK;
SELECT count(*) FROM item;
SELECT nobody FROM nowhere;
SELECT 'no end;
';
DO $$ BEGIN RAISE NOTICE 'noticed'; RAISE WARNING 'warned'; END $$;
DO $$ BEGIN FOR i IN 1..2000 LOOP RAISE NOTICE 'number %', i; END LOOP; END $$;

-- 4. Cursors and prepared statements.
BEGIN;
DECLARE c SCROLL CURSOR FOR SELECT id, name FROM item ORDER BY id;
FETCH 3 FROM c;
FETCH 1000 FROM c;
FETCH BACKWARD 2 FROM c;
MOVE LAST IN c;
FETCH PRIOR FROM c;
COMMIT;
\set FETCH_COUNT 100
SELECT id, note FROM item WHERE id BETWEEN 3000 AND 6000 ORDER BY id;
\unset FETCH_COUNT
PREPARE p (int) AS SELECT name FROM item WHERE id = $1;
EXECUTE p (7);
EXECUTE p (8);
DEALLOCATE p;
SELECT id, price FROM item WHERE id < 5 ORDER BY id \gdesc
SELECT format('SELECT %s AS answer', i) FROM generate_series(1, 200) AS i \gexec

-- 5. Functions, and answers that take their time.
CREATE FUNCTION fib(n int) RETURNS bigint LANGUAGE plpgsql AS $$
BEGIN
  IF n < 2 THEN RETURN n; END IF;
  RETURN fib(n - 1) + fib(n - 2);
END $$;
SELECT i, fib(i) FROM generate_series(0, 18) AS i;
SELECT pg_sleep(0.3), 'slept';
SELECT 1; SELECT 2; SELECT pg_sleep(0.2); SELECT 3;
SELECT 'several' \; SELECT 'statements' \; SELECT 'at once';

-- 6. Many small ones.
CREATE TABLE counter (n int);
INSERT INTO counter VALUES (0);
SELECT 'UPDATE counter SET n = n + 1' FROM generate_series(1, 1000) \gexec
SELECT n FROM counter;
CREATE INDEX item_name ON item (name);
CREATE VIEW cheap AS SELECT id, name FROM item WHERE price < 10;
SELECT * FROM cheap ORDER BY id;

-- 7. It has been one connection all the time.
SELECT pid = pg_backend_pid() AS same_session FROM myself;
SELECT 'the session has come to its end';
