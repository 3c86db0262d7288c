-- The last 30 days hour by hour, what the newest hour tells of each region, and the events still open.
-- No clock: the 720 hours end with the newest observed hour that the pattern asks for.

CREATE VIEW horas_30_dias WITH (security_invoker = true) AS
WITH ultima AS (
    SELECT max(hora_utc) AS hora_utc
    FROM cobertura
    WHERE estado = 'observed' AND motivo IS DISTINCT FROM 'not in pattern'
),

horas AS (
    SELECT h.hora_utc, c.mes, c.formato, coalesce(c.estado, 'unasked') AS estado
    FROM ultima AS u
    CROSS JOIN generate_series(u.hora_utc - interval '719 hours', u.hora_utc, interval '1 hour') AS h (hora_utc)
    LEFT JOIN cobertura AS c ON c.hora_utc = h.hora_utc AND c.motivo IS DISTINCT FROM 'not in pattern'
),

sumas AS (
    SELECT g.codigo_region, o.hora_utc, sum(o.clientes_afectados)::bigint AS clientes
    FROM observaciones AS o
    JOIN horas USING (hora_utc)
    JOIN dim_geografia AS g USING (codigo_comuna)
    -- Leaves the partitions of other months unread.
    WHERE o.mes >= (SELECT min(mes) FROM horas)
    GROUP BY g.codigo_region, o.hora_utc
)

SELECT
    r.codigo_region,
    r.nombre_region,
    h.hora_utc,
    h.estado,
    h.formato,
    CASE WHEN h.estado = 'observed' THEN coalesce(s.clientes, 0) END AS clientes
FROM (SELECT DISTINCT codigo_region, nombre_region FROM dim_geografia) AS r
CROSS JOIN horas AS h
LEFT JOIN sumas AS s USING (codigo_region, hora_utc)
ORDER BY r.codigo_region, h.hora_utc;
COMMENT ON VIEW horas_30_dias IS
'Customers out by region and hour, ghosts included; null where nothing was observed or the pattern does not ask';

CREATE VIEW ultima_hora_regiones WITH (security_invoker = true) AS
WITH ultima AS (
    SELECT max(hora_utc) AS hora_utc
    FROM horas_30_dias
),

anterior AS (
    SELECT max(c.hora_utc) AS hora_utc
    FROM cobertura AS c
    JOIN ultima AS u ON c.hora_utc < u.hora_utc AND c.hora_utc > u.hora_utc - interval '720 hours'
    WHERE c.motivo IS DISTINCT FROM 'not in pattern'
)

SELECT
    h.codigo_region,
    h.nombre_region,
    h.hora_utc AS ultima_hora,
    h.clientes,
    p.hora_utc AS hora_anterior,
    CASE WHEN a.formato = h.formato THEN h.clientes - a.clientes END AS cambio
FROM horas_30_dias AS h
JOIN ultima AS u USING (hora_utc)
CROSS JOIN anterior AS p
LEFT JOIN horas_30_dias AS a ON a.codigo_region = h.codigo_region AND a.hora_utc = p.hora_utc
ORDER BY h.codigo_region;
COMMENT ON VIEW ultima_hora_regiones IS
'Customers out in the newest hour, and the change to the snapshot before; null when that one was not observed';

CREATE VIEW interrupciones_abiertas WITH (security_invoker = true) AS
WITH ultima AS (
    SELECT hora_utc, mes
    FROM cobertura
    WHERE estado = 'observed' AND motivo IS DISTINCT FROM 'not in pattern'
    ORDER BY hora_utc DESC
    LIMIT 1
),

ahora AS (
    SELECT o.codigo_comuna, e.nombre_empresa, o.fecha_inicio, o.formato, o.clientes_afectados
    FROM observaciones AS o
    JOIN dim_empresa AS e USING (id_empresa)
    WHERE o.mes = (SELECT mes FROM ultima) AND o.hora_utc = (SELECT hora_utc FROM ultima)
)

SELECT
    i.codigo_region,
    i.nombre_region,
    i.nombre_comuna,
    i.nombre_empresa,
    i.fecha_inicio,
    i.inicio,
    a.clientes_afectados AS clientes_ahora,
    i.clientes_afectados,
    i.inicio_desconocido,
    i.fantasma,
    i.hash_id
FROM interrupciones AS i
JOIN ultima AS u ON i.fin = u.hora_utc
LEFT JOIN ahora AS a
    ON a.codigo_comuna = i.codigo_comuna
    AND a.nombre_empresa = i.nombre_empresa
    AND a.fecha_inicio IS NOT DISTINCT FROM i.fecha_inicio
    AND a.formato = i.formato
ORDER BY i.codigo_region, a.clientes_afectados DESC, i.clientes_afectados DESC, i.inicio, i.hash_id;
COMMENT ON VIEW interrupciones_abiertas IS 'Events that the newest observed hour reports, with the customers out in it';
