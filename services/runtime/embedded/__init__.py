"""A real Apache Kafka for one machine, started by Baton itself, so that trying and testing need no Docker and no Kafka.

    java.py      which Java runs it
    mirror.py    which Maven repository its jars come from
    jars.py      the jars, exactly those of kafka-jars.lock, cached
    lock.py      writes kafka-jars.lock
    properties.py, ports.py, probe.py, process.py    what broker.py is made of
    broker.py    format, start, stop, kill, status, reset

It is one node without replicas: for demos, tests and small trials. Production has a cluster (`BATON_KAFKA`).
"""
