%% The supervisor of each figure: many temporary children of one kind, or one permanent child that may crash for ever.
-module(bench_tree).
-behaviour(supervisor).
-export([many/1, one/1, init/1]).

many(Argument) ->
    {ok, Supervisor} = supervisor:start_link(?MODULE, {many, Argument}),
    Supervisor.

one(Argument) ->
    {ok, Supervisor} = supervisor:start_link(?MODULE, {one, Argument}),
    Supervisor.

init({many, Argument}) ->
    {ok, {#{strategy => simple_one_for_one}, [child(Argument, temporary)]}};
init({one, Argument}) ->
    {ok, {#{strategy => one_for_one, intensity => 1000000, period => 1}, [child(Argument, permanent)]}}.

child(Argument, Restart) ->
    #{id => child, start => {bench_child, start_link, [Argument]}, restart => Restart}.
