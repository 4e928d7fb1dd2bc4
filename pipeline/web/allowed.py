"""What statements from outside may name: kinds of syntax, functions, tables, formats and settings."""

from __future__ import annotations

from typing import Final

#: what a statement may be, as the engine's parser calls it
STATEMENTS: Final = frozenset(
    {"SelectWithUnionQuery", "SelectQuery", "SelectIntersectExceptQuery", "ExplainQuery"}
    | {"ShowTablesQuery", "ShowColumnsQuery", "ShowIndexesQuery"}
)
#: what it may consist of
NODES: Final = STATEMENTS | {
    "ArrayJoin",
    "Asterisk",
    "ColumnsApplyTransformer",
    "ColumnsExceptTransformer",
    "ColumnsListMatcher",
    "ColumnsRegexpMatcher",
    "ColumnsReplaceTransformer",
    "ColumnsReplaceTransformerReplacement",
    "ColumnsTransformerList",
    "ExpressionList",
    "Function",
    "Identifier",
    "InterpolateElement",
    "Literal",
    "OrderByElement",
    "QualifiedAsterisk",
    "QualifiedColumnsListMatcher",
    "QualifiedColumnsRegexpMatcher",
    "QueryParameter",
    "SampleRatio",
    "SetQuery",
    "StorageOrderByElement",
    "Subquery",
    "TableExpression",
    "TableIdentifier",
    "TableJoin",
    "TablesInSelectQuery",
    "TablesInSelectQueryElement",
    "WindowDefinition",
    "WindowListElement",
    "WithElement",
}
EXPLAINED: Final = frozenset(
    {
        "EXPLAIN",
        "EXPLAIN AST",
        "EXPLAIN ESTIMATE",
        "EXPLAIN PIPELINE",
        "EXPLAIN PLAN",
        "EXPLAIN QUERY TREE",
        "EXPLAIN SYNTAX",
    }
)
_PRINTED: Final = frozenset({"type", "format_ast", "settings_ast"})
_FILTERED: Final = _PRINTED | {
    "like",
    "not_like",
    "case_insensitive_like",
    "where_expression",
    "limit_length",
    "extended",
    "full",
    "database",
    "table",
}
#: parts of a SHOW that are taken
SHOWN: Final = {
    "ShowTablesQuery": _FILTERED | {"from", "databases", "temporary"},
    "ShowColumnsQuery": _FILTERED,
    "ShowIndexesQuery": _FILTERED,
}

#: the engine's own groups of functions that compute from their arguments alone
FUNCTION_CATEGORIES: Final = frozenset(
    {
        "Aggregate Functions",
        "Arithmetic",
        "Arrays",
        "Bit",
        "Bitmap",
        "Comparison",
        "Conditional",
        "Dates and Times",
        "Distance",
        "Encoding",
        "Financial",
        "Geo",
        "Hash",
        "IP Address",
        "JSON",
        "Logical",
        "Map",
        "Mathematical",
        "Null",
        "Random Number",
        "Rounding",
        "String",
        "String Replacement",
        "String Search",
        "String Splitting",
        "Time Series",
        "Time Window",
        "Tuple",
        "Type Conversion",
        "URL",
        "UUID",
    }
)
#: further ones, one by one: clients ask them when they connect, or they are plain arithmetic
FUNCTIONS: Final = frozenset(
    {
        "bar",
        "byteSize",
        "countDigits",
        "currentDatabase",
        "currentQueryID",
        "currentRoles",
        "currentSchemas",
        "currentUser",
        "defaultValueOfTypeName",
        "displayName",
        "finalizeAggregation",
        "formatQuery",
        "formatReadableDecimalSize",
        "formatReadableQuantity",
        "formatReadableSize",
        "formatReadableTimeDelta",
        "getSubcolumn",
        "identity",
        "ignore",
        "indexHint",
        "initialQueryID",
        "isConstant",
        "isDecimalOverflow",
        "materialize",
        "neighbor",
        "normalizeQuery",
        "normalizedQueryHash",
        "parseReadableSize",
        "parseTimeDelta",
        "revision",
        "rowNumberInAllBlocks",
        "rowNumberInBlock",
        "runningAccumulate",
        "runningDifference",
        "runningDifferenceStartingWithFirstValue",
        "throwIf",
        "toColumnTypeName",
        "toTypeName",
        "transform",
        "variantElement",
        "variantType",
        "version",
        "visibleWidth",
        "__actionName",
        "nested",
        "caseWithExpression",
    }
)
#: of those groups, what does more: text in a format that may need a schema
REFUSED_FUNCTIONS: Final = frozenset({"formatRow", "formatRowNoNewline", "aggThrow"})

TABLE_FUNCTIONS: Final = frozenset(
    {"generateSeries", "generate_series", "numbers", "numbers_mt", "values", "zeros", "zeros_mt"}
)
INFORMATION_SCHEMA: Final = "information_schema"
#: what clients look up when they connect, or list in their browsers of tables
SYSTEM_TABLES: Final = frozenset(
    {
        "aggregate_function_combinators",
        "collations",
        "columns",
        "data_skipping_indices",
        "data_type_families",
        "databases",
        "formats",
        "functions",
        "keywords",
        "numbers",
        "numbers_mt",
        "one",
        "settings",
        "table_engines",
        "table_functions",
        "tables",
        "time_zones",
        "zeros",
    }
)

_FORMAT_NAMES: Final = """
    Arrow ArrowStream Avro BSONEachRow CSV CSVWithNames CSVWithNamesAndTypes CustomSeparated
    CustomSeparatedWithNames CustomSeparatedWithNamesAndTypes JSON JSONColumns
    JSONColumnsWithMetadata JSONCompact JSONCompactColumns JSONCompactEachRow
    JSONCompactEachRowWithNames JSONCompactEachRowWithNamesAndTypes JSONCompactStrings
    JSONCompactStringsEachRow JSONCompactStringsEachRowWithNames
    JSONCompactStringsEachRowWithNamesAndTypes JSONEachRow JSONL JSONLines JSONObjectEachRow
    JSONStrings JSONStringsEachRow LineAsString LineAsStringWithNames MD Markdown MsgPack NDJSON
    Native Null ORC Parquet Pretty PrettyCompact PrettyCompactMonoBlock PrettyCompactNoEscapes
    PrettyJSONEachRow PrettyJSONLines PrettyMonoBlock PrettyNDJSON PrettyNoEscapes PrettySpace
    PrettySpaceMonoBlock PrettySpaceNoEscapes Raw RawBLOB RawWithNames RawWithNamesAndTypes
    RowBinary RowBinaryWithNames RowBinaryWithNamesAndTypes SQLInsert TSKV TSV TSVRaw
    TSVRawWithNames TSVRawWithNamesAndTypes TSVWithNames TSVWithNamesAndTypes TabSeparated
    TabSeparatedRaw TabSeparatedRawWithNames TabSeparatedRawWithNamesAndTypes TabSeparatedWithNames
    TabSeparatedWithNamesAndTypes Values Vertical XML
"""
#: formats that need no schema file, no template and no registry, in lower case
FORMATS: Final = frozenset(_FORMAT_NAMES.lower().split())

#: settings that change only what an answer means or looks like
SETTINGS: Final = frozenset(
    {
        "aggregate_functions_null_for_empty",
        "any_join_distinct_right_table_keys",
        "cast_keep_nullable",
        "cast_string_to_dynamic_use_inference",
        "count_distinct_implementation",
        "date_time_input_format",
        "date_time_output_format",
        "empty_result_for_aggregation_by_empty_set",
        "extremes",
        "final",
        "group_by_use_nulls",
        "join_default_strictness",
        "join_use_nulls",
        "limit",
        "max_block_size",
        "offset",
        "prefer_column_name_to_alias",
        "session_timezone",
        "transform_null_in",
        "union_default_mode",
    }
)
SETTING_PREFIXES: Final = ("output_format_", "format_csv_", "format_tsv_", "format_custom_")
#: settings and parameters that clients send and that mean nothing, or nothing more, to this endpoint
IGNORED_SETTINGS: Final = frozenset(
    {
        "add_http_cors_header",
        "allow_experimental_dynamic_type",
        "allow_experimental_json_type",
        "allow_experimental_variant_type",
        "enable_dynamic_type",
        "enable_json_type",
        "enable_variant_type",
        "allow_experimental_analyzer",
        "async_insert",
        "buffer_size",
        "cancel_http_readonly_queries_on_client_close",
        "client_protocol_version",
        "compress",
        "connect_timeout",
        "database",
        "decompress",
        "default_format",
        "enable_http_compression",
        "http_headers_progress_interval_ms",
        "http_response_buffer_size",
        "http_write_exception_in_output_format",
        "http_zlib_compression_level",
        "log_comment",
        "log_queries",
        "network_compression_method",
        "password",
        "query",
        "query_id",
        "quota_key",
        "receive_timeout",
        "readonly",
        "role",
        "send_progress_in_http_headers",
        "send_timeout",
        "session_check",
        "session_id",
        "session_timeout",
        "stacktrace",
        "user",
        "wait_end_of_query",
        "wait_for_async_insert",
    }
)
