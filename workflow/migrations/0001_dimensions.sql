-- Dimensions: places, companies, days. Filled from resources/ (places, companies) and here (days).

CREATE TABLE dim_geografia (
    codigo_comuna char(5) PRIMARY KEY CHECK (codigo_comuna ~ '^[0-9]{5}$'),
    nombre_comuna text NOT NULL,
    codigo_region char(2) NOT NULL CHECK (codigo_region ~ '^[0-9]{2}$'),
    nombre_region text NOT NULL,
    provincia text NOT NULL,
    -- 13000 is the unknown commune of region 13, 00000 the unknown place.
    CHECK (left(codigo_comuna, 2) = codigo_region)
);
COMMENT ON TABLE dim_geografia IS 'Communes of Chile, an unknown one (RR000) for each region, and 00000';

CREATE TABLE dim_empresa (
    id_empresa smallint PRIMARY KEY CHECK (id_empresa >= 0),
    -- Checked at commit, so that two companies may swap their names.
    nombre_empresa text NOT NULL UNIQUE DEFERRABLE INITIALLY DEFERRED
);
COMMENT ON TABLE dim_empresa IS 'Distribution companies; 0 is UNKNOWN';

CREATE TABLE dim_tiempo (
    id_tiempo integer PRIMARY KEY,
    fecha date NOT NULL UNIQUE,
    anho smallint NOT NULL,
    mes smallint NOT NULL,
    dia smallint NOT NULL,
    dia_semana smallint NOT NULL,
    trimestre smallint NOT NULL
);
COMMENT ON TABLE dim_tiempo IS 'Local days (America/Santiago), YYYYMMDD';
COMMENT ON COLUMN dim_tiempo.dia_semana IS 'ISO: 1 Monday to 7 Sunday';

INSERT INTO dim_tiempo
SELECT
    to_char(d, 'YYYYMMDD')::integer,
    d::date,
    extract(year FROM d),
    extract(month FROM d),
    extract(day FROM d),
    extract(isodow FROM d),
    extract(quarter FROM d)
FROM generate_series(timestamp '2017-01-01', timestamp '2050-12-31', interval '1 day') AS d;
