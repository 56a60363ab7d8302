// Two levels of clusters, and a list of all sources: whoever leaves is looked for in each list that it stands in.
const [size, symbols, settings, rounds] = process.argv.slice(2).map(Number);

class Cluster {
  constructor(id, parent) {
    this.id = id;
    this.parent = parent;
    this.sources = [];
    this.below = new Map();
  }

  get(id) {
    let child = this.below.get(id);
    if (child === undefined) this.below.set(id, (child = new Cluster(id, this)));
    return child;
  }
}

class Graph {
  constructor(mappers) {
    this.mappers = mappers;
    this.sources = [];
    this.top = new Cluster(null, null);
  }

  add(source) {
    this.sources.push(source);
    source.clusters = [];
    let cluster = this.top;
    for (const mapper of this.mappers) {
      cluster = cluster.get(mapper(source));
      cluster.sources.push(source);
      source.clusters.push(cluster);
    }
  }

  remove(id) {
    const place = this.sources.findIndex((source) => source.id === id);
    const [source] = this.sources.splice(place, 1);
    for (const cluster of source.clusters.reverse()) {
      cluster.sources.splice(cluster.sources.findIndex((other) => other.id === id), 1);
      if (cluster.sources.length === 0) cluster.parent.below.delete(cluster.id);
    }
  }
}

function round() {
  const graph = new Graph([(source) => source.symbol, (source) => source.settings]);
  for (let id = 0; id < size; id++) graph.add({ id, symbol: id % symbols, settings: Math.floor(id / symbols) % settings });
  const began = process.cpuUsage();
  for (let id = 0; id < size; id++) graph.remove((id * 7919) % size); // a prime: all of them, out of order
  return size / (process.cpuUsage(began).user / 1e6);
}

round();
for (let number = 0; number < rounds; number++) console.log(round());
