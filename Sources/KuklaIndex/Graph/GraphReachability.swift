import KuklaNumerics

/// Which nodes of a graph walks can reach, and what to do about the others.
extension HNSWIndex {
    /// Steps to each slot on the lowest layer from the nearest node that can be reached above it; -1 where there is no
    /// way.
    func steps() -> [Int] {
        guard count > 0 else { return [] }
        var starts: [UInt32] = [0]
        for layer in layers.dropFirst().reversed() {
            let view = layer.view
            var steps = [Int](repeating: -1, count: view.count)
            view.flood(from: starts, into: &steps)
            starts = (0..<UInt32(view.count)).filter { steps[Int($0)] >= 0 }.map { view.below($0) }
        }
        var steps = [Int](repeating: -1, count: count)
        layers[0].view.flood(from: starts, into: &steps)
        return steps
    }

    /// Links each slot that no walk can reach from one of its own neighbours that can be reached, or a neighbour of
    /// these. A link that gives way may cut off another, so this goes on for some rounds.
    ///
    /// - Complexity: a pass over all links a round, on one thread.
    mutating func reconnect() {
        for _ in 0..<4 {
            var steps = steps()
            let lost = steps.indices.filter { steps[$0] < 0 }
            guard !lost.isEmpty else { return }
            let old = layers[0].view
            layers[0].withLinks { links in
                let view = GraphLayerView(
                    links: links, width: old.width, count: old.count, anchors: old.anchors)
                for node in lost where steps[node] < 0 {
                    let reached = view.neighbours(of: UInt32(node)).filter { steps[Int($0)] >= 0 }
                    // One of theirs will do where they have no room themselves.
                    let around = reached + reached.flatMap { view.neighbours(of: $0) }
                    let roomy = around.first {
                        steps[Int($0)] >= 0 && view.neighbours(of: $0).count < view.width
                    }
                    guard let from = roomy ?? reached.first else { continue }
                    let place = min(view.neighbours(of: from).count, view.width - 1)
                    links[Int(from) * view.width + place] = UInt32(node)
                    view.flood(from: [UInt32(node)], into: &steps)
                }
            }
        }
    }
}

extension GraphLayerView {
    /// Sets the steps of what is reached from `starts`, where none were set.
    fileprivate func flood(from starts: [UInt32], into steps: inout [Int]) {
        for start in starts { steps[Int(start)] = 0 }
        var waiting = starts
        var position = 0
        while position < waiting.count {
            let node = waiting[position]
            for next in neighbours(of: node) where steps[Int(next)] < 0 {
                steps[Int(next)] = steps[Int(node)] + 1
                waiting.append(next)
            }
            position += 1
        }
    }
}
