-- A row is replaced or deleted only as it was archived, every column of it: `huella` stays the same where somebody
-- changes another column by hand. The functions are those of a Supabase project, as in 0005.

CREATE OR REPLACE FUNCTION hot_filas(pares jsonb) RETURNS jsonb
LANGUAGE sql STABLE SET search_path FROM CURRENT SET timezone = 'UTC'
AS $$
    SELECT coalesce(jsonb_agg(f.fila || jsonb_build_object('sello', md5(f.fila::text)) ORDER BY h.clave), '[]')
    FROM interrupciones_hot AS h
    JOIN jsonb_each_text(pares) AS p (clave, huella) USING (clave, huella)
    CROSS JOIN to_jsonb(h) AS f (fila)
$$;
COMMENT ON FUNCTION hot_filas IS
'The rows that are those of the pairs of key and digest, each with `sello`, the MD5 of all that it holds';

CREATE OR REPLACE FUNCTION hot_poner(filas jsonb, antes jsonb) RETURNS bigint
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
        WHERE md5(to_jsonb(h)::text) = antes ->> h.clave
        RETURNING 1
    )
    SELECT count(*) FROM puestas
$$;
COMMENT ON FUNCTION hot_poner IS
'Puts rows, in place of those that `antes` tells by key and `sello` and of no others; how many it put';

CREATE OR REPLACE FUNCTION hot_quitar(pares jsonb) RETURNS bigint
LANGUAGE sql SET search_path FROM CURRENT SET timezone = 'UTC'
AS $$
    WITH quitadas AS (
        DELETE FROM interrupciones_hot AS h
        USING jsonb_each_text(pares) AS p (clave, sello)
        WHERE h.clave = p.clave AND md5(to_jsonb(h)::text) = p.sello
        RETURNING 1
    )
    SELECT count(*) FROM quitadas
$$;
COMMENT ON FUNCTION hot_quitar IS 'Deletes the rows that are those of the pairs of key and `sello`; how many';
