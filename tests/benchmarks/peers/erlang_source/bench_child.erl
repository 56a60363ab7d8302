%% The gen_server that each figure starts: it counts, or it says that it has been started.
-module(bench_child).
-behaviour(gen_server).
-export([start_link/1, init/1, handle_call/3, handle_cast/2, handle_info/2]).

start_link(Argument) ->
    gen_server:start_link(?MODULE, Argument, []).

init({count, Expected, _Owner} = State) ->
    %% A long queue is kept off the heap, as OTP advises: on it, each collection copies all that waits.
    Expected > 1000 andalso process_flag(message_queue_data, off_heap),
    {ok, State};
init({say, Owner}) ->
    Owner ! {started, self(), erlang:monotonic_time(nanosecond)},
    {ok, idle}.

handle_info(_Message, {count, 1, Owner}) ->
    Owner ! done,
    {noreply, {count, 0, Owner}};
handle_info(_Message, {count, Left, Owner}) ->
    {noreply, {count, Left - 1, Owner}}.

handle_call(_Request, _From, State) ->
    {reply, ok, State}.

handle_cast(_Message, State) ->
    {noreply, State}.
