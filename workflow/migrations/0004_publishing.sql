-- The table that the public dashboard reads, and who may do what where the roles of PostgREST exist.

CREATE TABLE dashboard_stats (
    id text PRIMARY KEY,
    data jsonb NOT NULL,
    updated_at timestamptz NOT NULL
);
COMMENT ON TABLE dashboard_stats IS 'One payload of the dashboard a row';

-- Row security keeps everyone but the owner out of all tables; readers get dashboard_stats, and only to read.
ALTER TABLE dim_geografia ENABLE ROW LEVEL SECURITY;
ALTER TABLE dim_empresa ENABLE ROW LEVEL SECURITY;
ALTER TABLE dim_tiempo ENABLE ROW LEVEL SECURITY;
ALTER TABLE observaciones ENABLE ROW LEVEL SECURITY;
ALTER TABLE cobertura ENABLE ROW LEVEL SECURITY;
ALTER TABLE fact_interrupciones ENABLE ROW LEVEL SECURITY;
ALTER TABLE cargas ENABLE ROW LEVEL SECURITY;
ALTER TABLE cargas_eventos ENABLE ROW LEVEL SECURITY;
ALTER TABLE dashboard_stats ENABLE ROW LEVEL SECURITY;
ALTER TABLE schema_migrations ENABLE ROW LEVEL SECURITY;

CREATE POLICY dashboard_stats_read ON dashboard_stats FOR SELECT USING (true);

DO $$
DECLARE
    reader text;
BEGIN
    FOREACH reader IN ARRAY ARRAY['anon', 'authenticated'] LOOP
        IF EXISTS (SELECT FROM pg_roles WHERE rolname = reader) THEN
            EXECUTE format('REVOKE ALL ON dashboard_stats FROM %I', reader);
            EXECUTE format('GRANT SELECT ON dashboard_stats TO %I', reader);
        END IF;
    END LOOP;
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'service_role') THEN
        GRANT SELECT, INSERT, UPDATE, DELETE ON dashboard_stats TO service_role;
    END IF;
END
$$;
