"""Events and facts <-> Avro in the Confluent wire format, by columns.

The five bytes in front of each value (a zero, then the id of the writer's schema) name the schema
it was written with. Ids come from the schema's own content, so a directory of schemas is the whole
registry; a registry that counts its ids plugs in as a mapping.
"""

from pipeline.codec.columns import Columns
from pipeline.codec.decoding import Decoded, Failure
from pipeline.codec.facts import DecodedFacts, FactCodec, FactRows, fact_key
from pipeline.codec.schemas import ParsedSchema, load_schemas, parse_schema
from pipeline.codec.wire import Codec

__all__ = [
    "Codec",
    "Columns",
    "Decoded",
    "DecodedFacts",
    "FactCodec",
    "FactRows",
    "Failure",
    "ParsedSchema",
    "fact_key",
    "load_schemas",
    "parse_schema",
]
