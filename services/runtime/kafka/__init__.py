"""The engines that run processors on a real Kafka, and everything in Baton that speaks Kafka's protocol.

connection.py   how clients connect                admin.py       topics: create, check
group.py        what a lane writes, as records     restore.py     the fold that reads it back (both pure)
fence.py        who else wrote our journal (pure)  journal.py     claim, append, restore, heal
reader.py       raw reads of one partition         outputs.py     batches to any topic
inbox.py        what waits in a lane (pure)        clock_work.py  when a due timer may fire
lane.py         one partition, in order            lanes.py       all lanes of one generation
globals_reader.py   topics that are read whole     core.py        what both engines share
faust_engine.py, faust_transport.py                the default engine
aiokafka_engine.py                                 the yardstick
faults.py       named points where a test may kill or freeze the process
"""
