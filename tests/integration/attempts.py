"""What readers of a Supabase project may not do: requests of PostgREST and statements of SQL that must fail."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

import httpx
import psycopg
from outages.warehouse import PUBLIC, TABLES

from .postgrest_server import Supabase

READERS = ("anon", "authenticated")
PRIVILEGES = ("SELECT", "INSERT", "UPDATE", "DELETE", "TRUNCATE", "REFERENCES", "TRIGGER")
ROW = {"id": "mine", "data": [1], "updated_at": "now"}
PRIVATE = [*sorted(TABLES.keys() - PUBLIC), "observaciones_202503"]
VIEWS = ("interrupciones", "interrupciones_30_dias", "resumen_30_dias", "horas_30_dias")


class Attempt(NamedTuple):
    """A request that must fail."""

    method: str
    path: str
    json: Any = None
    headers: Mapping[str, str] = MappingProxyType({})


ATTEMPTS = {
    "insert": Attempt("POST", "dashboard_stats", [ROW]),
    "insert without an answer": Attempt("POST", "dashboard_stats", [ROW], {"Prefer": "return=minimal"}),
    "upsert": Attempt(
        "POST", "dashboard_stats?on_conflict=id", [ROW | {"id": "kept"}], {"Prefer": "resolution=merge-duplicates"}
    ),
    "upsert that does nothing": Attempt(
        "POST", "dashboard_stats", [ROW | {"id": "kept"}], {"Prefer": "resolution=ignore-duplicates"}
    ),
    "put": Attempt("PUT", "dashboard_stats?id=eq.kept", ROW | {"id": "kept"}),
    "update": Attempt("PATCH", "dashboard_stats?id=eq.kept", {"data": [2]}),
    "update of all": Attempt("PATCH", "dashboard_stats", {"data": [2]}),
    "update of nothing": Attempt("PATCH", "dashboard_stats?id=eq.absent", {"data": [2]}),
    "delete": Attempt("DELETE", "dashboard_stats?id=eq.kept"),
    "delete of all": Attempt("DELETE", "dashboard_stats"),
    "insert into the window": Attempt("POST", "interrupciones_hot", [{"clave": "mine"}]),
    "update of the window": Attempt("PATCH", "interrupciones_hot", {"huella": "x"}),
    "delete of the window": Attempt("DELETE", "interrupciones_hot"),
    "insert into the warehouse": Attempt("POST", "dim_empresa", [{"id_empresa": 999, "nombre_empresa": "MINE"}]),
    "update of the warehouse": Attempt("PATCH", "fact_interrupciones", {"clientes_afectados": 0}),
    "delete of the warehouse": Attempt("DELETE", "observaciones"),
    "forged migrations": Attempt("PATCH", "schema_migrations", {"sha256": "0" * 64}),
    "a table beside the one asked for": Attempt("GET", "dashboard_stats?select=*,schema_migrations(*)"),
    "catalog": Attempt("GET", "pg_roles", headers={"Accept-Profile": "pg_catalog"}),
    "catalog without its schema": Attempt("GET", "pg_roles"),
    "passwords": Attempt("GET", "pg_authid", headers={"Accept-Profile": "pg_catalog"}),
    "standard catalog": Attempt("GET", "tables", headers={"Accept-Profile": "information_schema"}),
    "another schema": Attempt("GET", "users", headers={"Accept-Profile": "auth"}),
    "write to another schema": Attempt("POST", "users", [{"id": 1}], {"Content-Profile": "auth"}),
    "sleep": Attempt("POST", "rpc/pg_sleep", {"seconds": 0}),
    "read a file": Attempt("POST", "rpc/pg_read_file", {"filename": "postgresql.conf"}),
    "end a session": Attempt("POST", "rpc/pg_terminate_backend", {"pid": 1}),
    "become somebody": Attempt("POST", "rpc/set_config", {"setting_name": "role", "new_value": "service_role"}),
    "function of the catalog": Attempt("POST", "rpc/pg_sleep", {"seconds": 0}, {"Content-Profile": "pg_catalog"}),
    "function of the catalog by GET": Attempt("GET", "rpc/version", headers={"Accept-Profile": "pg_catalog"}),
    **{f"read {name}": Attempt("GET", name) for name in (*PRIVATE, *VIEWS)},
    **{f"count {name}": Attempt("HEAD", name, headers={"Prefer": "count=exact"}) for name in PRIVATE[:3]},
}

STATEMENTS = {
    "truncate": "TRUNCATE {table}",
    "insert": "INSERT INTO {table} SELECT * FROM {table}",
    "update": "UPDATE {table} SET {column} = {column}",
    "delete": "DELETE FROM {table}",
    "lock": "LOCK TABLE {table} IN ROW EXCLUSIVE MODE",
    "copy": "COPY {table} FROM PROGRAM 'true'",
    "drop": "DROP TABLE {table} CASCADE",
    "alter": "ALTER TABLE {table} DISABLE ROW LEVEL SECURITY",
    "policy": "CREATE POLICY mine ON {table} USING (true)",
    "trigger": "CREATE TRIGGER mine BEFORE INSERT ON {table} EXECUTE FUNCTION suppress_redundant_updates_trigger()",
    "own": "ALTER TABLE {table} OWNER TO {role}",
}
ELSEWHERE = (
    "CREATE TABLE public.mine (i integer)",
    "CREATE FUNCTION public.mine() RETURNS integer LANGUAGE sql RETURN 1",
    "CREATE SCHEMA mine",
    "SELECT pg_read_file('postgresql.conf')",
    "SELECT rolpassword FROM pg_authid",
    "ALTER ROLE anon BYPASSRLS",
    "SET LOCAL session_replication_role = 'replica'",
)


def ask(supabase: Supabase, role: str, attempt: Attempt) -> httpx.Response:
    headers = {"apikey": supabase.anon_key, "Authorization": f"Bearer {supabase.key_for(role)}"} | dict(attempt.headers)
    return httpx.request(attempt.method, f"{supabase.url}/rest/v1/{attempt.path}", headers=headers, json=attempt.json)


def functions(owner: psycopg.Connection) -> list[tuple[str, str, list[str]]]:
    """Name, signature and names of arguments of the functions in the schema that is served."""
    return owner.execute(
        "SELECT proname, oid::regprocedure::text, coalesce(proargnames, '{}') FROM pg_proc "
        "WHERE pronamespace = 'public'::regnamespace ORDER BY 2"
    ).fetchall()


def relations(owner: psycopg.Connection) -> list[str]:
    """Every table and view in the schema that is served."""
    found = owner.execute(
        "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p', 'v', 'm') "
        "ORDER BY 1"
    )
    return [name for (name,) in found]
