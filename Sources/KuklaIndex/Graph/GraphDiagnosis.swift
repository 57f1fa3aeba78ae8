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
        let steps = steps()
        let reached = steps.count { $0 >= 0 }
        let total = steps.reduce(0) { $0 + max(0, $1) }
        return GraphDiagnosis(
            layerCounts: layers.map(\.count), unreachable: count - reached,
            meanDegree: Double(degree) / Double(max(1, count)), largestInDegree: inDegrees.max() ?? 0,
            hubShare: Double(hubs) / Double(max(1, degree)),
            withoutInLinks: inDegrees.count { $0 == 0 },
            meanPathLength: Double(total) / Double(max(1, reached)),
            longestPath: steps.max() ?? 0)
    }
}
