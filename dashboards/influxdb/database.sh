#!/bin/sh
# Once, when InfluxDB 2 is set up: the bucket is also a database, as InfluxQL knows it.
set -eu
influx v1 dbrp create --org "$DOCKER_INFLUXDB_INIT_ORG" --bucket-id "$DOCKER_INFLUXDB_INIT_BUCKET_ID" \
    --db "$DOCKER_INFLUXDB_INIT_BUCKET" --rp autogen --default
