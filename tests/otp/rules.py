"""The contract of `naive_daemon/otp`, a line for each rule; `rule_table.py` finds the tests that prove each.

The numbers never change: tests and docstrings cite them.
"""

RULES: dict[int, str] = {
    # What a supervisor knows of a child
    1: "A child spec needs an id, which may be anything hashable, and a start; of the two, a missing id is told first.",
    2: "Left out, restart is permanent, type worker, significant false; the grace is 5 s, for a supervisor unlimited.",
    3: "Each bad value is refused by itself, with the field and the value in the error.",
    4: "Significant goes neither with auto_shutdown never nor with restart permanent.",
    5: "The start function runs in the supervisor; what it raises, and an answer that is none, is a failed start.",
    6: "What a start says beside its child goes to whoever asked for it; the supervisor makes nothing of it.",
    7: "A temporary child is forgotten whichever way it ends: by itself, by request, or by a sibling's restart.",
    8: "One id twice in the first list refuses the supervisor before anything runs.",
    # How a supervisor is set
    9: "Defaults are one_for_one, 1 restart in 5 s (dynamic: 3 in 5 s), no auto_shutdown; bad flags are named.",
    10: "A dynamic supervisor begins without children.",
    11: "A supervisor that asks to be ignored at its start ends normally, and its starter is told.",
    # Start
    12: "Children start one by one, in order; the next waits until the one before has finished its init.",
    13: "If one fails, those that run are stopped, last first, and the supervisor ends with shutdown and the cause.",
    14: "At the first start nothing is tried again, and nothing is charged.",
    15: "A child that is ignored keeps its spec without a process, a temporary one does not; the start goes on.",
    16: "Who dies while its siblings still start is restarted when all of them have been started.",
    17: "A supervisor below that cannot start is a child that cannot start.",
    # Stop
    18: "Children stop last first, each awaited; those of a dynamic supervisor all at the same time.",
    19: "A child is asked with shutdown; when its grace is over it is killed, and its end is awaited.",
    20: "brutal_kill does not ask, and the reason is killed; a grace of 0 asks and kills in one go.",
    21: "An infinite grace never ends in a kill.",
    22: "The end is seen by a monitor, so a child that has unlinked itself holds nobody up.",
    23: "What is stopped on purpose is not restarted, and shuts nobody down.",
    24: "A stop with shutdown is not logged, nor an orderly end of a child that is not permanent; any other is.",
    25: "When the parent ends, for whatever reason, the children are stopped and the supervisor ends with that reason.",
    26: "A shutdown that comes from somebody else than the parent is ignored.",
    27: "Messages nobody expects are logged and dropped; so is the exit of what is no child any more.",
    # Who is restarted
    28: "A permanent child is restarted after every end.",
    29: "A transient child is restarted unless it ended with normal or shutdown; a kill is no orderly end.",
    30: "A temporary child is never restarted.",
    31: "A transient child that ended in order stays listed without a process, and can be started by request.",
    32: "An orderly end of a transient or temporary child leaves its group alone.",
    # Strategies
    33: "one_for_one restarts who has died, and nobody else.",
    34: "one_for_all stops the others, last first, then starts all of them in order.",
    35: "rest_for_one stops those after the dead one, last first, then starts from it on; those before run on.",
    36: "A group restart starts all that is not temporary, also what was stopped or had ended before.",
    37: "Temporary members of the group are stopped and forgotten.",
    38: "The restart of a group is charged as one.",
    39: "Three that die at one moment are three restarts for one_for_one, and one for one_for_all.",
    40: "A new child comes last; a restart keeps the place; deleted and added again is last.",
    # Restarts that fail
    41: "A restart is charged before it is tried.",
    42: "After a failure the supervisor tries again by a message to itself; others are served in between.",
    43: "A child that never comes up is tried once for each restart allowed, then the supervisor gives up.",
    44: "A restarting child is shown as such, refuses start, restart and delete, and terminate ends the attempts.",
    45: "If another one fails in a group restart, the next attempt is a restart of that one.",
    46: "A restart that is ignored counts as done, without a process; a dynamic supervisor forgets the child.",
    # Intensity
    47: "Restarts are counted over all children in a sliding window of monotonic time, its edge included.",
    48: "With intensity 0 the first restart is one too many.",
    49: "One too many: nothing is started, it is logged, the rest stops, last first, and the reason is shutdown.",
    50: "So its parent restarts it only if it is permanent; a transient one stays down, a temporary one is forgotten.",
    51: "A supervisor that was restarted has a clean count and its first children only.",
    52: "What is started by request is not charged.",
    # auto_shutdown
    53: "any_significant: the supervisor ends with shutdown when a significant child has ended for good.",
    54: "For good means: in order if it is transient, in any way if it is temporary.",
    55: "all_significant: it ends when the last significant child has, restarting ones counted as running.",
    56: "Neither a stop by request, nor a death by a sibling, nor a child that is not significant sets it off.",
    57: "It goes on upwards only through supervisors that are significant themselves.",
    # Requests to a supervisor
    58: "Starting an id that runs gives already_started and its ref; one that is stopped, already_present.",
    59: "A start by request that fails leaves no spec; an ignored one leaves it, unless the child is temporary.",
    60: "Terminate is done also when it was before; restart and delete say why if the child is not stopped.",
    61: "Children are listed in start order, counted as specs, alive, supervisors, workers; a spec is shown whole.",
    62: "A dead supervisor answers noproc.",
    # Monitors, links, exits
    63: "Each monitor has a number of its own and gives one Down with the exact reason, at once if there is nobody.",
    64: "After demonitor no Down comes, not even one that was waiting to be read.",
    65: "A link holds both ways; made twice it is one; to oneself it is nothing.",
    66: "A linked exit other than normal ends the other with the same reason; one that traps gets a message.",
    67: "kill cannot be trapped, and links see killed; a normal exit from outside does nothing to who does not trap.",
    68: "A link to the dead ends with noproc, for one that traps by a message.",
    69: "What is sent to the dead is dropped without a word.",
    # Servers
    70: "A start waits for init; with a continuation the starter goes on, and it runs before any message waiting.",
    71: "A request watches its server and gives up after 5 s; a dead one fails at once, asking oneself is an error.",
    72: "A server does not learn that its caller has given up; what it answers then is dropped.",
    73: "An error in a request ends the server, and the caller is told the reason.",
    74: "Clean-up runs at each orderly end and at each crash, and never at a kill.",
    75: "Any message calls off the idle time-out; a message that nobody expects goes to a handler of its own.",
    # Names
    76: "A name has one holder, also for who asks twice; the dead hold none, and give up all that they held.",
    77: "One frees one's own names only; in a registry of duplicates a key has many entries.",
    78: "Under a name that is taken a start answers already_started and who has it.",
    # Dynamic supervisors
    79: "Always one_for_one; ids do not matter; significant is refused; a spec is checked where it is sent from.",
    80: "A start answers the child, what it said, ignored, the error, or max_children, which counts restarting ones.",
    81: "Extra arguments come first at every start, the first and the later ones.",
    82: "A child is stopped by its ref, once; while it restarts, by the ref that it had.",
    83: "Children are counted, alive ones without those restarting; they stop together, one timer for each grace.",
    84: "Ten times the children cost at most fifty times, a hundred times at most a thousand times.",
    # Tasks, and the top
    85: "A task is temporary unless told otherwise; its start is done at once, so its failure fails nobody's start.",
    86: "A transient task that fails is charged; a temporary one is not.",
    87: "When the top of the tree ends, the program ends, with a status other than 0.",
}
