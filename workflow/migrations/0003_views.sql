-- What people read: events with names, the last 30 days, and these by region.

CREATE VIEW interrupciones WITH (security_invoker = true) AS
SELECT
    f.inicio,
    f.hash_id,
    t.fecha AS fecha_dt,
    f.fecha_inicio,
    f.formato,
    f.codigo_comuna,
    g.codigo_region,
    g.nombre_region,
    g.provincia,
    g.nombre_comuna,
    e.nombre_empresa,
    f.clientes_afectados,
    f.clientes_hora,
    f.fin,
    f.observaciones,
    f.horas_sin_dato,
    f.inicio_desconocido,
    f.fin_desconocido,
    f.fantasma,
    f.recortado
FROM fact_interrupciones AS f
JOIN dim_tiempo AS t USING (id_tiempo)
JOIN dim_geografia AS g USING (codigo_comuna)
JOIN dim_empresa AS e USING (id_empresa);
COMMENT ON VIEW interrupciones IS 'Events with the names of place and company';

-- No clock: the 720 hours end with the newest observed one, so that equal data give equal rows.
CREATE VIEW interrupciones_30_dias WITH (security_invoker = true) AS
SELECT i.*
FROM interrupciones AS i
WHERE i.inicio > (SELECT max(hora_utc) - interval '30 days' FROM cobertura WHERE estado = 'observed');
COMMENT ON VIEW interrupciones_30_dias IS 'Events whose first observed hour is one of the 720 that end with the newest observed hour';

CREATE VIEW resumen_30_dias WITH (security_invoker = true) AS
WITH ventana AS (
    SELECT max(hora_utc) - interval '30 days' AS despues_de, max(hora_utc) AS hasta
    FROM cobertura
    WHERE estado = 'observed'
),

horas AS (
    SELECT count(*) AS observadas
    FROM cobertura
    CROSS JOIN ventana
    WHERE estado = 'observed' AND hora_utc > despues_de
)

SELECT
    r.codigo_region,
    r.nombre_region,
    count(i.hash_id) AS eventos,
    coalesce(sum(i.clientes_afectados), 0)::bigint AS clientes_afectados,
    coalesce(sum(i.clientes_hora), 0)::bigint AS clientes_hora,
    v.hasta,
    h.observadas AS horas_observadas
FROM (SELECT DISTINCT codigo_region, nombre_region FROM dim_geografia) AS r
CROSS JOIN ventana AS v
CROSS JOIN horas AS h
LEFT JOIN interrupciones_30_dias AS i USING (codigo_region)
WHERE v.hasta IS NOT NULL
GROUP BY r.codigo_region, r.nombre_region, v.hasta, h.observadas
ORDER BY r.codigo_region;
COMMENT ON VIEW resumen_30_dias IS
'Per region, of the events that began in these 30 days: events, sum of high-water marks, customer-hours; horas_observadas of 720';
