-- The table that the public dashboard reads. Run it in Supabase's SQL editor, once or again: it changes nothing twice.
--
-- Whoever holds the anonymous key, or is signed in, may select and nothing else; only the service key writes.
-- Rows that are there already stay, and a table of another set-up gets the shape of ours; where it cannot, an error
-- names the column and nothing is changed. Policies and grants of an earlier set-up do not stay: some let anyone write.

BEGIN;

CREATE TABLE IF NOT EXISTS public.dashboard_stats (
    id text PRIMARY KEY,
    data jsonb NOT NULL,
    updated_at timestamptz NOT NULL
);

DO $$
DECLARE
    policy name;
BEGIN
    FOR policy IN
        SELECT policyname FROM pg_policies
        WHERE schemaname = 'public' AND tablename = 'dashboard_stats'
    LOOP
        EXECUTE format('DROP POLICY %I ON public.dashboard_stats', policy);
    END LOOP;
END
$$;

DO $$
DECLARE
    ours CONSTANT regclass := 'public.dashboard_stats';
    advice CONSTANT text := 'Nothing was changed. Rename it, ALTER TABLE public.dashboard_stats RENAME TO '
        'dashboard_stats_old, and run this again: publishing fills the new table.';
    broken text;
    wanted record;
BEGIN
    IF (SELECT relkind FROM pg_class WHERE oid = ours) NOT IN ('r', 'p') THEN
        RAISE EXCEPTION 'public.dashboard_stats is no table. %', advice;
    END IF;
    ALTER TABLE public.dashboard_stats ADD COLUMN IF NOT EXISTS updated_at timestamptz NOT NULL DEFAULT now();
    FOR wanted IN
        SELECT w.name, w.kind, w.also, format_type(a.atttypid, NULL) AS found
        FROM (VALUES
            ('id', 'text', 'character varying'),
            ('data', 'jsonb', 'json'),
            ('updated_at', 'timestamp with time zone', 'timestamp without time zone')
        ) AS w (name, kind, also)
        LEFT JOIN pg_attribute AS a ON a.attrelid = ours AND a.attname = w.name AND NOT a.attisdropped
    LOOP
        IF wanted.found = wanted.also THEN
            EXECUTE format('ALTER TABLE public.dashboard_stats ALTER %I TYPE %s', wanted.name, wanted.kind);
        ELSIF wanted.found IS DISTINCT FROM wanted.kind THEN
            RAISE EXCEPTION 'public.dashboard_stats has a column % of type %, not %. %',
                wanted.name, coalesce(wanted.found, '(none)'), wanted.kind, advice;
        END IF;
    END LOOP;

    SELECT attname INTO broken
    FROM pg_attribute
    WHERE attrelid = ours AND attnum > 0 AND NOT attisdropped AND attname NOT IN ('id', 'data', 'updated_at')
        AND attnotnull AND NOT atthasdef AND attidentity = ''
    ORDER BY attnum
    LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'public.dashboard_stats has a column % that must have a value and gets none. %', broken, advice;
    END IF;

    -- What a payload is known by: publishing puts the new one in the place of the old one of the same id.
    IF EXISTS (SELECT FROM public.dashboard_stats WHERE id IS NULL)
        OR EXISTS (SELECT FROM public.dashboard_stats GROUP BY id HAVING count(*) > 1) THEN
        RAISE EXCEPTION 'public.dashboard_stats has a column id with values that are missing or there twice. %', advice;
    END IF;
    IF NOT EXISTS (
        SELECT FROM pg_index
        WHERE indrelid = ours AND indisunique AND indisvalid AND indimmediate AND indpred IS NULL AND indnkeyatts = 1
            AND indkey[0] = (SELECT attnum FROM pg_attribute WHERE attrelid = ours AND attname = 'id')
    ) THEN
        IF EXISTS (SELECT FROM pg_index WHERE indrelid = ours AND indisprimary) THEN
            ALTER TABLE public.dashboard_stats ADD UNIQUE (id);
        ELSE
            ALTER TABLE public.dashboard_stats ADD PRIMARY KEY (id);
        END IF;
    END IF;
    ALTER TABLE public.dashboard_stats ALTER id SET NOT NULL;
    UPDATE public.dashboard_stats SET updated_at = now() WHERE updated_at IS NULL;
    ALTER TABLE public.dashboard_stats ALTER updated_at SET NOT NULL;
    IF NOT EXISTS (SELECT FROM public.dashboard_stats WHERE data IS NULL) THEN
        ALTER TABLE public.dashboard_stats ALTER data SET NOT NULL;
    END IF;
END
$$;
COMMENT ON TABLE public.dashboard_stats IS 'One payload of the dashboard a row';

ALTER TABLE public.dashboard_stats ENABLE ROW LEVEL SECURITY;

CREATE POLICY dashboard_stats_read ON public.dashboard_stats
FOR SELECT TO anon, authenticated USING (true);

-- Supabase grants everything on a new table to everybody; row security is the second lock, not the only one.
REVOKE ALL ON public.dashboard_stats FROM public, anon, authenticated;
GRANT SELECT ON public.dashboard_stats TO anon, authenticated;
GRANT SELECT, INSERT, UPDATE, DELETE ON public.dashboard_stats TO service_role;

COMMIT;

-- PostgREST looks at its tables anew.
NOTIFY pgrst, 'reload schema';
