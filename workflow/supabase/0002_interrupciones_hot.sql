-- The last 30 days, moved by stage window. Run it in Supabase's SQL editor, once or again: it changes nothing twice.
--
-- Whoever holds the anonymous key, or is signed in, may select and nothing else; only the service key writes, and
-- only it may call the functions. Policies and grants of an earlier set-up do not stay. A table of another shape is
-- left as it is: an error names the column.

BEGIN;

CREATE TABLE IF NOT EXISTS public.interrupciones_hot (
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
DO $$
DECLARE
    ours CONSTANT regclass := 'public.interrupciones_hot';
    wanted CONSTANT text := 'clave text, huella text, tipo text, inicio timestamp with time zone, '
        'fin timestamp with time zone, codigo_region text, nombre_region text, codigo_comuna text, '
        'nombre_comuna text, nombre_empresa text, fecha_inicio date, formato text, estado text, '
        'clientes_afectados bigint, clientes_hora bigint, observaciones bigint, horas_sin_dato bigint, '
        'inicio_desconocido boolean, fin_desconocido boolean, fantasma boolean, recortado boolean';
    other text;
BEGIN
    -- In this order: the functions below put whole rows.
    SELECT coalesce(theirs.what, 'nothing') || ' where ' || coalesce(w.what, 'nothing') || ' belongs' INTO other
    FROM regexp_split_to_table(wanted, ', ') WITH ORDINALITY AS w (what, n)
    FULL JOIN (
        SELECT attname || ' ' || format_type(atttypid, atttypmod) AS what, row_number() OVER (ORDER BY attnum) AS n
        FROM pg_attribute
        WHERE attrelid = ours AND attnum > 0 AND NOT attisdropped
    ) AS theirs USING (n)
    WHERE theirs.what IS DISTINCT FROM w.what
    ORDER BY n
    LIMIT 1;
    IF NOT FOUND AND NOT EXISTS (
        SELECT FROM pg_index
        WHERE indrelid = ours AND indisunique AND indisvalid AND indimmediate AND indpred IS NULL AND indnkeyatts = 1
            AND indkey[0] = (SELECT attnum FROM pg_attribute WHERE attrelid = ours AND attname = 'clave')
    ) THEN
        other := 'no primary key on clave';
    END IF;
    IF other IS NOT NULL THEN
        RAISE EXCEPTION 'public.interrupciones_hot is another table: it has %. Nothing was changed. Rename it, ALTER TABLE '
            'public.interrupciones_hot RENAME TO interrupciones_hot_old, and run this again: the next run fills it.', other;
    END IF;
END
$$;
CREATE INDEX IF NOT EXISTS interrupciones_hot_fin ON public.interrupciones_hot (tipo, fin);
COMMENT ON TABLE public.interrupciones_hot IS 'The last 30 days: events, and customers by hour and region';

ALTER TABLE public.interrupciones_hot ENABLE ROW LEVEL SECURITY;

DO $$
DECLARE
    policy name;
BEGIN
    FOR policy IN
        SELECT policyname FROM pg_policies
        WHERE schemaname = 'public' AND tablename = 'interrupciones_hot'
    LOOP
        EXECUTE format('DROP POLICY %I ON public.interrupciones_hot', policy);
    END LOOP;
END
$$;

CREATE POLICY interrupciones_hot_read ON public.interrupciones_hot
FOR SELECT TO anon, authenticated USING (true);

REVOKE ALL ON public.interrupciones_hot FROM public, anon, authenticated;
GRANT SELECT ON public.interrupciones_hot TO anon, authenticated;
GRANT SELECT, INSERT, UPDATE, DELETE ON public.interrupciones_hot TO service_role;

-- What the window calls. All run with the rights of the caller and are the service key's alone. Each answers with one
-- value, which no limit of rows cuts, and may be sent twice: an answer that was lost does no harm.

CREATE OR REPLACE FUNCTION public.hot_claves(desde text, cuantas integer) RETURNS jsonb
LANGUAGE sql STABLE SET search_path = '' SET timezone = 'UTC'
AS $$
    SELECT coalesce(jsonb_agg(jsonb_build_array(clave, huella, fin) ORDER BY clave), '[]')
    FROM (
        SELECT clave, huella, fin
        FROM public.interrupciones_hot
        WHERE clave > desde
        ORDER BY clave
        LIMIT cuantas
    ) AS pagina
$$;
COMMENT ON FUNCTION public.hot_claves IS 'Key, digest and last hour of the next rows by key, at most so many';

CREATE OR REPLACE FUNCTION public.hot_filas(pares jsonb) RETURNS jsonb
LANGUAGE sql STABLE SET search_path = '' SET timezone = 'UTC'
AS $$
    SELECT coalesce(jsonb_agg(f.fila || jsonb_build_object('sello', md5(f.fila::text)) ORDER BY h.clave), '[]')
    FROM public.interrupciones_hot AS h
    JOIN jsonb_each_text(pares) AS p (clave, huella) USING (clave, huella)
    CROSS JOIN to_jsonb(h) AS f (fila)
$$;
COMMENT ON FUNCTION public.hot_filas IS
'The rows that are those of the pairs of key and digest, each with `sello`, the MD5 of all that it holds';

CREATE OR REPLACE FUNCTION public.hot_poner(filas jsonb, antes jsonb) RETURNS bigint
LANGUAGE sql SET search_path = '' SET timezone = 'UTC'
AS $$
    WITH puestas AS (
        INSERT INTO public.interrupciones_hot AS h
        SELECT f.* FROM jsonb_populate_recordset(NULL::public.interrupciones_hot, filas) AS f
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
        WHERE md5(to_jsonb(h)::text) = antes ->> h.clave
        RETURNING 1
    )
    SELECT count(*) FROM puestas
$$;
COMMENT ON FUNCTION public.hot_poner IS
'Puts rows, in place of those that `antes` tells by key and `sello` and of no others; how many it put';

CREATE OR REPLACE FUNCTION public.hot_quitar(pares jsonb) RETURNS bigint
LANGUAGE sql SET search_path = '' SET timezone = 'UTC'
AS $$
    WITH quitadas AS (
        DELETE FROM public.interrupciones_hot AS h
        USING jsonb_each_text(pares) AS p (clave, sello)
        WHERE h.clave = p.clave AND md5(to_jsonb(h)::text) = p.sello
        RETURNING 1
    )
    SELECT count(*) FROM quitadas
$$;
COMMENT ON FUNCTION public.hot_quitar IS 'Deletes the rows that are those of the pairs of key and `sello`; how many';

CREATE OR REPLACE FUNCTION public.hot_medidas() RETURNS jsonb
LANGUAGE sql STABLE SET search_path = ''
AS $$
    SELECT jsonb_build_object(
        'database', pg_database_size(current_database()),
        'interrupciones_hot', pg_total_relation_size('public.interrupciones_hot'),
        'dashboard_stats', pg_total_relation_size(to_regclass('public.dashboard_stats'))
    )
$$;
COMMENT ON FUNCTION public.hot_medidas IS 'Bytes of the database and of the published tables, indexes included';

REVOKE ALL ON FUNCTION
public.hot_claves,
public.hot_filas,
public.hot_poner,
public.hot_quitar,
public.hot_medidas
FROM public, anon, authenticated;
GRANT EXECUTE ON FUNCTION
public.hot_claves,
public.hot_filas,
public.hot_poner,
public.hot_quitar,
public.hot_medidas
TO service_role;

COMMIT;

-- PostgREST looks at its tables and functions anew.
NOTIFY pgrst, 'reload schema';
