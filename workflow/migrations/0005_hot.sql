-- The last 30 days, moved by stage window; the functions are those of a Supabase project, so that one code serves both.

CREATE TABLE interrupciones_hot (
    clave text COLLATE "C" PRIMARY KEY,
    huella text NOT NULL,
    tipo text NOT NULL CHECK (tipo IN ('evento', 'hora')),
    inicio timestamptz NOT NULL,
    fin timestamptz NOT NULL,
    codigo_region text NOT NULL,
    nombre_region text NOT NULL,
    codigo_comuna text,
    nombre_comuna text,
    nombre_empresa text,
    fecha_inicio date,
    formato text,
    estado text CHECK (estado IN ('observed', 'gap')),
    clientes_afectados bigint CHECK (clientes_afectados >= 0),
    clientes_hora bigint CHECK (clientes_hora >= 0),
    observaciones bigint,
    horas_sin_dato bigint,
    inicio_desconocido boolean,
    fin_desconocido boolean,
    fantasma boolean,
    recortado boolean,
    CHECK (inicio <= fin),
    CHECK ((tipo = 'hora') = (estado IS NOT NULL)),
    -- Of an hour that was not observed nothing is known: never zero.
    CHECK ((clientes_afectados IS NULL) = (estado IS NOT DISTINCT FROM 'gap'))
);
CREATE INDEX interrupciones_hot_fin ON interrupciones_hot (tipo, fin);
COMMENT ON TABLE interrupciones_hot IS 'The last 30 days: events, and customers by hour and region';

ALTER TABLE interrupciones_hot ENABLE ROW LEVEL SECURITY;
CREATE POLICY interrupciones_hot_read ON interrupciones_hot FOR SELECT USING (true);

-- What the window calls. All run with the rights of the caller and are the service key's alone. Each answers with one
-- value, which no limit of rows cuts, and may be sent twice: an answer that was lost does no harm.

CREATE FUNCTION hot_claves(desde text, cuantas integer) RETURNS jsonb
LANGUAGE sql STABLE SET search_path FROM CURRENT SET timezone = 'UTC'
AS $$
    SELECT coalesce(jsonb_agg(jsonb_build_array(clave, huella, fin) ORDER BY clave), '[]')
    FROM (
        SELECT clave, huella, fin
        FROM interrupciones_hot
        WHERE clave > desde
        ORDER BY clave
        LIMIT cuantas
    ) AS pagina
$$;
COMMENT ON FUNCTION hot_claves IS 'Key, digest and last hour of the next rows by key, at most so many';

CREATE FUNCTION hot_filas(pares jsonb) RETURNS jsonb
LANGUAGE sql STABLE SET search_path FROM CURRENT SET timezone = 'UTC'
AS $$
    SELECT coalesce(jsonb_agg(to_jsonb(h) ORDER BY h.clave), '[]')
    FROM interrupciones_hot AS h
    JOIN jsonb_each_text(pares) AS p (clave, huella) USING (clave, huella)
$$;
COMMENT ON FUNCTION hot_filas IS 'The rows that are those of the pairs of key and digest';

CREATE FUNCTION hot_poner(filas jsonb, antes jsonb) RETURNS bigint
LANGUAGE sql SET search_path FROM CURRENT SET timezone = 'UTC'
AS $$
    WITH puestas AS (
        INSERT INTO interrupciones_hot AS h
        SELECT f.* FROM jsonb_populate_recordset(NULL::interrupciones_hot, filas) AS f
        ON CONFLICT (clave) DO UPDATE SET (
            huella, tipo, inicio, fin, codigo_region, nombre_region, codigo_comuna, nombre_comuna,
            nombre_empresa, fecha_inicio, formato, estado, clientes_afectados, clientes_hora,
            observaciones, horas_sin_dato, inicio_desconocido, fin_desconocido, fantasma, recortado
        ) = (
            excluded.huella, excluded.tipo, excluded.inicio, excluded.fin, excluded.codigo_region,
            excluded.nombre_region, excluded.codigo_comuna, excluded.nombre_comuna,
            excluded.nombre_empresa, excluded.fecha_inicio, excluded.formato, excluded.estado,
            excluded.clientes_afectados, excluded.clientes_hora, excluded.observaciones,
            excluded.horas_sin_dato, excluded.inicio_desconocido, excluded.fin_desconocido,
            excluded.fantasma, excluded.recortado
        )
        WHERE h.huella IN (antes ->> h.clave, excluded.huella)
        RETURNING 1
    )
    SELECT count(*) FROM puestas
$$;
COMMENT ON FUNCTION hot_poner IS
'Puts rows, in place of the version that `antes` tells by key and of no other; how many are there now';

CREATE FUNCTION hot_quitar(pares jsonb) RETURNS bigint
LANGUAGE sql SET search_path FROM CURRENT
AS $$
    WITH quitadas AS (
        DELETE FROM interrupciones_hot AS h
        USING jsonb_each_text(pares) AS p (clave, huella)
        WHERE h.clave = p.clave AND h.huella = p.huella
        RETURNING 1
    )
    SELECT count(*) FROM quitadas
$$;
COMMENT ON FUNCTION hot_quitar IS 'Deletes the rows that are those of the pairs of key and digest; how many';

CREATE FUNCTION hot_medidas() RETURNS jsonb
LANGUAGE sql STABLE SET search_path FROM CURRENT
AS $$
    SELECT jsonb_build_object(
        'database', pg_database_size(current_database()),
        'interrupciones_hot', pg_total_relation_size('interrupciones_hot'),
        'dashboard_stats', pg_total_relation_size(to_regclass('dashboard_stats'))
    )
$$;
COMMENT ON FUNCTION hot_medidas IS 'Bytes of the database and of the published tables, indexes included';

DO $$
DECLARE
    nombre text;
    reader text;
BEGIN
    FOREACH reader IN ARRAY ARRAY['anon', 'authenticated'] LOOP
        IF EXISTS (SELECT FROM pg_roles WHERE rolname = reader) THEN
            EXECUTE format('REVOKE ALL ON interrupciones_hot FROM %I', reader);
            EXECUTE format('GRANT SELECT ON interrupciones_hot TO %I', reader);
        END IF;
    END LOOP;
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'service_role') THEN
        GRANT SELECT, INSERT, UPDATE, DELETE ON interrupciones_hot TO service_role;
    END IF;
    FOREACH nombre IN ARRAY ARRAY['hot_claves', 'hot_filas', 'hot_poner', 'hot_quitar', 'hot_medidas'] LOOP
        EXECUTE format('REVOKE ALL ON FUNCTION %I FROM public', nombre);
        FOREACH reader IN ARRAY ARRAY['anon', 'authenticated'] LOOP
            IF EXISTS (SELECT FROM pg_roles WHERE rolname = reader) THEN
                EXECUTE format('REVOKE ALL ON FUNCTION %I FROM %I', nombre, reader);
            END IF;
        END LOOP;
        IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'service_role') THEN
            EXECUTE format('GRANT EXECUTE ON FUNCTION %I TO service_role', nombre);
        END IF;
    END LOOP;
END
$$;
