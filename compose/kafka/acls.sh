#!/bin/bash
# Gives the users of Kafka the rights that acls.txt lists; what is granted already stays. Runs once, as the broker.
# KAFKA_PREFIX is what the names of topics, groups and transactional ids begin with (AFTERMERGE_KAFKA_PREFIX).
set -euo pipefail
bootstrap=${KAFKA_BOOTSTRAP:-kafka:9092}
rules=${1:-$(dirname "$0")/acls.txt}
kafka_acls=${KAFKA_ACLS:-/opt/kafka/bin/kafka-acls.sh}

umask 077
client=$(mktemp)
trap 'rm -f "${client}"' EXIT
cat >"${client}" <<END
security.protocol=SASL_PLAINTEXT
sasl.mechanism=PLAIN
sasl.jaas.config=org.apache.kafka.common.security.plain.PlainLoginModule required username="broker" password="${KAFKA_BROKER_PASSWORD}";
END

while read -r user operations resource names; do
    [[ -z ${user} || ${user} == \#* ]] && continue
    pattern=literal
    case ${resource} in
        topic | group) flag=--${resource} ;;
        topics) flag=--topic pattern=prefixed ;;
        transaction) flag=--transactional-id ;;
        *) echo "acls.txt: no resource ${resource}" >&2 && exit 1 ;;
    esac
    # transactional ids are made of what precedes them: step, topic, partition
    [[ ${resource} == transaction && ${names} != "*" ]] && pattern=prefixed
    arguments=()
    for operation in ${operations//,/ }; do arguments+=(--operation "${operation}"); done
    set -f # a name may be *
    for name in ${names}; do
        [[ ${name} == "*" ]] || name=${KAFKA_PREFIX:-}${name}
        arguments+=("${flag}" "${name}")
    done
    set +f
    "${kafka_acls}" --bootstrap-server "${bootstrap}" --command-config "${client}" --add --force \
        --allow-principal "User:${user}" --resource-pattern-type "${pattern}" "${arguments[@]}" >/dev/null
    echo "${user}: ${operations} on ${resource} ${names}"
done <"${rules}"
