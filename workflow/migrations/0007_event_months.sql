-- What is loaded of the events of each month, so that a run replaces only the months that have changed.

CREATE TABLE cargas_eventos_mes (
    mes integer PRIMARY KEY,
    huella text NOT NULL,
    filas integer NOT NULL CHECK (filas >= 1)
);
COMMENT ON TABLE cargas_eventos_mes IS 'What is loaded of the events by local month of their begin (YYYYMM): a digest of the rows, and their number';

ALTER TABLE cargas_eventos_mes ENABLE ROW LEVEL SECURITY;
