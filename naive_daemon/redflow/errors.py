"""What goes wrong with a graph. Each says what and where; after each of them the graph is whole."""


class RedFlowError(Exception):
    """The root of all that this package raises."""


class LinkError(RedFlowError):
    """Levels that can not be linked, or are not; nothing was changed."""


class SourceError(RedFlowError):
    """A source that can not be added, or that is not there; nothing was changed."""


class ClusterError(RedFlowError):
    """A cluster that is not there, or that is one of another level."""


class MapperError(RedFlowError):
    """A mapper did what it must not: the source is not in the graph, which is as it was before."""


class CallbackError(RedFlowError):
    """A callback raised: of `on_source_add`, the source was taken out again; of `on_cluster_detach`, all were told."""


class SignatureError(RedFlowError):
    """A value that has no signature; the message says where in it."""
