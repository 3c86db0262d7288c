-- Facts: observations by month, the state of each hour, events, and what of them is loaded.

-- No foreign keys here: checked row by row they cost 8 s of the 11 s that a million rows take. The loader gets
-- id_empresa from dim_empresa, checks every commune at once in the same transaction, and dimensions only grow.

CREATE TABLE observaciones (
    mes integer NOT NULL,
    hora_utc timestamptz NOT NULL,
    codigo_comuna char(5) NOT NULL,
    id_empresa smallint NOT NULL,
    fecha_inicio date,
    formato char(1) NOT NULL CHECK (formato IN ('A', 'B')),
    fecha date NOT NULL,
    hora smallint NOT NULL CHECK (hora BETWEEN 0 AND 23),
    clientes_afectados bigint NOT NULL CHECK (clientes_afectados >= 0),
    clientes_reportados bigint NOT NULL,
    filas integer NOT NULL CHECK (filas >= 1),
    antiguedad_dias integer,
    imputado boolean NOT NULL,
    geo_desconocida boolean NOT NULL,
    empresa_desconocida boolean NOT NULL,
    fecha_sustituida boolean NOT NULL,
    recortado boolean NOT NULL,
    fantasma boolean NOT NULL,
    CHECK (mes = date_part('year', fecha) * 100 + date_part('month', fecha)),
    CHECK (clientes_afectados <= clientes_reportados),
    CHECK ((formato = 'B') = (fecha_inicio IS NULL)),
    CHECK (fecha_inicio IS NOT NULL OR antiguedad_dias IS NULL),
    CONSTRAINT observaciones_clave UNIQUE NULLS NOT DISTINCT
    (mes, hora_utc, codigo_comuna, id_empresa, fecha_inicio, formato)
) PARTITION BY LIST (mes);
COMMENT ON TABLE observaciones IS 'Silver: customers out by hour, commune, company and start date; one partition a local month';
COMMENT ON COLUMN observaciones.mes IS 'Local month of the hour, YYYYMM';
COMMENT ON COLUMN observaciones.clientes_afectados IS 'After the cap at the customers of the region';

CREATE TABLE cobertura (
    hora_utc timestamptz PRIMARY KEY,
    mes integer NOT NULL,
    fecha date NOT NULL,
    hora smallint NOT NULL CHECK (hora BETWEEN 0 AND 23),
    estado text NOT NULL CHECK (estado IN ('observed', 'gap', 'unasked')),
    motivo text,
    formato char(1) CHECK (formato IN ('A', 'B')),
    filas integer CHECK (filas >= 0),
    clientes bigint CHECK (clientes >= 0),
    revisiones integer NOT NULL CHECK (revisiones >= 0),
    CHECK (mes = date_part('year', fecha) * 100 + date_part('month', fecha)),
    -- Of an hour that was not observed nothing is known: never zero.
    CHECK ((estado = 'observed') = (formato IS NOT NULL)),
    CHECK ((estado = 'observed') = (filas IS NOT NULL)),
    CHECK ((estado = 'observed') = (clientes IS NOT NULL))
);
CREATE INDEX cobertura_mes ON cobertura (mes);
COMMENT ON TABLE cobertura IS 'State of each local hour: observed, gap (asked, nothing usable, final), unasked';

CREATE TABLE fact_interrupciones (
    -- 32 hex digits in lower case; a regular expression would cost 3 s in a million rows.
    hash_id char(32) PRIMARY KEY CHECK (length(decode(hash_id, 'hex')) = 16 AND hash_id = lower(hash_id)),
    id_tiempo integer NOT NULL,
    codigo_comuna char(5) NOT NULL,
    id_empresa smallint NOT NULL,
    inicio timestamptz NOT NULL,
    fin timestamptz NOT NULL,
    fecha_inicio date,
    formato char(1) NOT NULL CHECK (formato IN ('A', 'B')),
    clientes_afectados bigint NOT NULL CHECK (clientes_afectados >= 0),
    clientes_hora bigint NOT NULL CHECK (clientes_hora >= 0),
    observaciones integer NOT NULL CHECK (observaciones >= 1),
    horas_sin_dato integer NOT NULL CHECK (horas_sin_dato >= 0),
    inicio_desconocido boolean NOT NULL,
    fin_desconocido boolean NOT NULL,
    fantasma boolean NOT NULL,
    recortado boolean NOT NULL,
    CHECK (inicio <= fin),
    CHECK ((formato = 'B') = (fecha_inicio IS NULL)),
    -- The loader drops keys and indexes and makes them again after COPY: checked at once, not row by row.
    CONSTRAINT fact_tiempo FOREIGN KEY (id_tiempo) REFERENCES dim_tiempo,
    CONSTRAINT fact_geografia FOREIGN KEY (codigo_comuna) REFERENCES dim_geografia,
    CONSTRAINT fact_empresa FOREIGN KEY (id_empresa) REFERENCES dim_empresa
);
CREATE INDEX fact_interrupciones_inicio ON fact_interrupciones (inicio);
CREATE INDEX fact_interrupciones_comuna ON fact_interrupciones (codigo_comuna, id_tiempo);
COMMENT ON TABLE fact_interrupciones IS 'Events; id_tiempo is the local day of inicio, the first observed hour';
COMMENT ON COLUMN fact_interrupciones.clientes_afectados IS 'High-water mark: the largest value registered in the life of the event';

CREATE TABLE cargas (
    mes integer PRIMARY KEY,
    silver_sha256 char(64) NOT NULL,
    hours_sha256 char(64) NOT NULL,
    filas integer NOT NULL,
    horas integer NOT NULL
);
COMMENT ON TABLE cargas IS 'What is loaded of each month: digests of the files, rows of observaciones, rows of cobertura';

CREATE TABLE cargas_eventos (
    unica boolean PRIMARY KEY DEFAULT true CHECK (unica),
    golden_sha256 char(64) NOT NULL,
    filas integer NOT NULL
);
COMMENT ON TABLE cargas_eventos IS 'What is loaded of the events: digest of golden_interrupciones.parquet and rows';
