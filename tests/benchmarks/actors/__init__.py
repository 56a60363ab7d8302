"""What actors cost: spawned, told, restarted, kept; against pykka's ThreadingActor and Erlang/OTP on this machine.

Peers do the same with the same counts. Each side as its user has it: no tuning of the garbage collector, of threads or
of flags, and nothing logged. pykka's actors have nobody above them; Erlang's are gen_servers under a supervisor.
"""
