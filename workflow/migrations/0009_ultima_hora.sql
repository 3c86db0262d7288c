-- The hours of the 30 days are summed once for this view, not twice.

CREATE OR REPLACE VIEW ultima_hora_regiones WITH (security_invoker = true) AS
WITH horas AS MATERIALIZED (
    SELECT codigo_region, nombre_region, hora_utc, formato, clientes
    FROM horas_30_dias
),

ultima AS (
    SELECT max(hora_utc) AS hora_utc
    FROM horas
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
FROM horas AS h
JOIN ultima AS u USING (hora_utc)
CROSS JOIN anterior AS p
LEFT JOIN horas AS a ON a.codigo_region = h.codigo_region AND a.hora_utc = p.hora_utc
ORDER BY h.codigo_region;
