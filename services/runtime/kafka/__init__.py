"""The engines that run processors on a real Kafka, and everything in Baton that speaks Kafka's protocol.

- connection: how clients connect; admin: topics, created and checked; log_client: topics from outside
- group: what a lane writes, as records; restore: the fold that reads it back; fence: who else wrote (all pure)
- journal: claim, append, read back, heal; reader: raw reads of one partition; outputs: batches to any topic
- commit_step: decide once, then tell; inbox: what waits in a lane (pure); surroundings: what a lane stands in
- lane: one partition, in order; lanes: all lanes of one generation; intake: from the consumer to the lanes
- globals_reader: topics that are read whole; core: what both engines share
- faust_engine, faust_transport: the default engine; aiokafka_engine: the yardstick
- faults: named points where a test may kill or freeze the process
"""
