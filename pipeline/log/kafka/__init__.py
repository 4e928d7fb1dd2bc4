"""The log on a Kafka cluster: durable, partitioned, shared by as many processes as there are partitions."""

from pipeline.log.kafka.configuration import KafkaSettings
from pipeline.log.kafka.log import KafkaLog
from pipeline.log.kafka.topics import TopicSettings

__all__ = ["KafkaLog", "KafkaSettings", "TopicSettings"]
