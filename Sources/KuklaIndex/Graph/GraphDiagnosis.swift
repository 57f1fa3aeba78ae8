import KuklaNumerics

/// What a graph looks like: why a search may miss vectors.
public struct GraphDiagnosis: Hashable, Sendable, Codable {
    /// Nodes of each layer, the lowest first.
    public let layerCounts: [Int]
    /// Nodes that no walk can reach, however wide: a search never finds their vectors by walking.
    public let unreachable: Int
    /// Links out of a node on the lowest layer, on average.
    public let meanDegree: Double
    /// The most links into one node on the lowest layer, and into the hundredth of nodes with most, as a part of all: how
    /// much of the graph leads to few hubs.
    public let largestInDegree: Int
    public let hubShare: Double
    /// Nodes without a link to them.
    public let withoutInLinks: Int
    /// Steps from where walks enter the lowest layer to its reachable nodes, on average, and to the farthest.
    public let meanPathLength: Double
    public let longestPath: Int
}

extension HNSWIndex {
    /// Follows all links once.
    ///
    /// - Complexity: O(count * links).
    public func diagnosis() -> GraphDiagnosis {
        let view = layers[0].view
        var (degree, inDegrees) = (0, [Int](repeating: 0, count: count))
        for node in 0..<UInt32(count) {
            for next in view.neighbours(of: node) {
                degree += 1
                inDegrees[Int(next)] += 1
            }
        }
        let hubs = inDegrees.sorted(by: >).prefix(max(1, count / 100)).reduce(0, +)
        let (reached, total, longest) = paths()
        return GraphDiagnosis(
            layerCounts: layers.map(\.count), unreachable: count - reached,
            meanDegree: Double(degree) / Double(max(1, count)), largestInDegree: inDegrees.max() ?? 0,
            hubShare: Double(hubs) / Double(max(1, degree)),
            withoutInLinks: inDegrees.count { $0 == 0 },
            meanPathLength: Double(total) / Double(max(1, reached)),
            longestPath: longest)
    }

    /// Nodes that can be reached on the lowest layer from all nodes that are reached above it, the sum of their steps
    /// from there, and the most steps.
    private func paths() -> (reached: Int, total: Int, longest: Int) {
        guard count > 0 else { return (0, 0, 0) }
        var starts: [UInt32] = [0]
        for layer in layers.dropFirst().reversed() {
            let view = layer.view
            let reached = Self.steps(view, from: starts)
            starts = (0..<UInt32(view.count)).filter { reached[Int($0)] >= 0 }.map { view.below($0) }
        }
        let steps = Self.steps(layers[0].view, from: starts)
        return (steps.count { $0 >= 0 }, steps.reduce(0) { $0 + max(0, $1) }, steps.max() ?? 0)
    }

    /// Steps from the nearest of `starts` to each node; -1 where there is no way.
    private static func steps(_ view: GraphLayerView, from starts: [UInt32]) -> [Int] {
        var steps = [Int](repeating: -1, count: view.count)
        for start in starts { steps[Int(start)] = 0 }
        var waiting = starts
        var position = 0
        while position < waiting.count {
            let node = waiting[position]
            for next in view.neighbours(of: node) where steps[Int(next)] < 0 {
                steps[Int(next)] = steps[Int(node)] + 1
                waiting.append(next)
            }
            position += 1
        }
        return steps
    }
}
