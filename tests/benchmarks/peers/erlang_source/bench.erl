%% What tests/benchmarks measures of naive_daemon.otp, in Erlang's own idiom: each function prints numbers, apart by
%% spaces, and ends the node. Times are in nanoseconds, the best of some rounds after one that warms up.
-module(bench).
-export([run/1]).

-define(ROUNDS, 3).

run([Name | Arguments]) ->
    logger:set_primary_config(level, none),
    {Process, Monitor} = spawn_monitor(fun() ->
        process_flag(trap_exit, true),
        Numbers = measure(list_to_atom(Name), [list_to_integer(Argument) || Argument <- Arguments]),
        io:format("~s~n", [lists:join(" ", [integer_to_list(Number) || Number <- Numbers])])
    end),
    receive
        {'DOWN', Monitor, process, Process, normal} -> halt(0);
        {'DOWN', Monitor, process, Process, Reason} -> io:format(standard_error, "~p~n", [Reason]), halt(1)
    end.

%% Time to start, time to stop that many children of one supervisor, and the resident bytes that each added.
measure(population, [Count]) ->
    [_, Bytes | _] = First = population(Count),
    Rounds = [First | [population(Count) || _ <- lists:seq(1, ?ROUNDS)]],
    Starts = [Start || [Start, _, _] <- Rounds],
    Stops = [Stop || [_, _, Stop] <- Rounds],
    [lists:min(Starts), lists:min(Stops), Bytes];

%% Time to tell `Receivers` processes in turn, `Each` times all of them, until all of it has been handled.
measure(tell, [Receivers, Each]) ->
    [lists:min([tell(Receivers, Each) || _ <- lists:seq(0, ?ROUNDS)])];

%% Median time from an exit signal to the new child's init. `Kill` is 1 for one that cannot be trapped.
measure(restart, [Count, Kill]) ->
    Supervisor = bench_tree:one({say, self()}),
    Reason = case Kill of 1 -> kill; 0 -> boom end,
    receive {started, Child, _} -> Child end,
    [restart(Supervisor, Reason) || _ <- lists:seq(1, Count)],
    Spans = lists:sort([restart(Supervisor, Reason) || _ <- lists:seq(1, Count)]),
    [lists:nth(Count div 2, Spans)].

population(Count) ->
    Before = resident(),
    Supervisor = bench_tree:many({count, 1, self()}),
    Start = span(fun() -> start(Supervisor, Count) end),
    erlang:garbage_collect(Supervisor),
    Bytes = (resident() - Before) div Count,
    Stop = span(fun() -> stop(Supervisor) end),
    [Start, Bytes, Stop].

tell(Receivers, Each) ->
    Supervisor = bench_tree:many({count, Each, self()}),
    Children = start(Supervisor, Receivers),
    Span = span(fun() ->
        [[Child ! Number || Child <- Children] || Number <- lists:seq(1, Each)],
        [receive done -> ok end || _ <- Children]
    end),
    stop(Supervisor),
    Span.

restart(Supervisor, Reason) ->
    [{_, Child, _, _}] = supervisor:which_children(Supervisor),
    Began = erlang:monotonic_time(nanosecond),
    exit(Child, Reason),
    receive {started, _, At} -> At - Began end.

start(Supervisor, Count) ->
    [begin {ok, Child} = supervisor:start_child(Supervisor, []), Child end || _ <- lists:seq(1, Count)].

stop(Supervisor) ->
    exit(Supervisor, shutdown),
    receive {'EXIT', Supervisor, shutdown} -> ok end.

span(Work) ->
    erlang:garbage_collect(),
    Began = erlang:monotonic_time(nanosecond),
    Work(),
    erlang:monotonic_time(nanosecond) - Began.

resident() ->
    1024 * list_to_integer(string:trim(os:cmd("ps -o rss= -p " ++ os:getpid()))).
