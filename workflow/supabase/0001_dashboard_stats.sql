-- The table that the public dashboard reads. Run it in Supabase's SQL editor, once or again: it changes nothing twice.
--
-- Whoever holds the anonymous key, or is signed in, may select and nothing else; only the service key writes.
-- Rows that are there already stay. Policies and grants of an earlier set-up do not: some let anyone write.

BEGIN;

CREATE TABLE IF NOT EXISTS public.dashboard_stats (
    id text PRIMARY KEY,
    data jsonb NOT NULL,
    updated_at timestamptz NOT NULL
);
COMMENT ON TABLE public.dashboard_stats IS 'One payload of the dashboard a row';

ALTER TABLE public.dashboard_stats ENABLE ROW LEVEL SECURITY;

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

CREATE POLICY dashboard_stats_read ON public.dashboard_stats
FOR SELECT TO anon, authenticated USING (true);

-- Supabase grants everything on a new table to everybody; row security is the second lock, not the only one.
REVOKE ALL ON public.dashboard_stats FROM public, anon, authenticated;
GRANT SELECT ON public.dashboard_stats TO anon, authenticated;
GRANT SELECT, INSERT, UPDATE, DELETE ON public.dashboard_stats TO service_role;

COMMIT;

-- PostgREST looks at its tables anew.
NOTIFY pgrst, 'reload schema';
