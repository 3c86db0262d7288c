-- How many of a month's observations each rule touched, counted when it is loaded: nobody has to look at all of them again.

ALTER TABLE cargas
    ADD COLUMN imputado integer,
    ADD COLUMN geo_desconocida integer,
    ADD COLUMN empresa_desconocida integer,
    ADD COLUMN fecha_sustituida integer,
    ADD COLUMN formato_b integer,
    ADD COLUMN recortado integer,
    ADD COLUMN fantasma integer;

UPDATE cargas SET (imputado, geo_desconocida, empresa_desconocida, fecha_sustituida, formato_b, recortado, fantasma) = (
    SELECT count(*) FILTER (WHERE o.imputado), count(*) FILTER (WHERE o.geo_desconocida),
        count(*) FILTER (WHERE o.empresa_desconocida), count(*) FILTER (WHERE o.fecha_sustituida),
        count(*) FILTER (WHERE o.formato = 'B'), count(*) FILTER (WHERE o.recortado), count(*) FILTER (WHERE o.fantasma)
    FROM observaciones AS o WHERE o.mes = cargas.mes
);

ALTER TABLE cargas
    ALTER COLUMN imputado SET NOT NULL,
    ALTER COLUMN geo_desconocida SET NOT NULL,
    ALTER COLUMN empresa_desconocida SET NOT NULL,
    ALTER COLUMN fecha_sustituida SET NOT NULL,
    ALTER COLUMN formato_b SET NOT NULL,
    ALTER COLUMN recortado SET NOT NULL,
    ALTER COLUMN fantasma SET NOT NULL;
