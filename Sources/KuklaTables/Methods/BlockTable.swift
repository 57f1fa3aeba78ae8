import Foundation
import KuklaNumerics
import KuklaTensor

/// A table cut into blocks of rows, the last filled up with zeros, and the search for blocks that are alike.
struct BlockTable: Sendable {
    let count: Int
    /// Rows of a block, and floats.
    let rows: Int, floats: Int
    private let width: Int
    private let values: Tensor
    private let bands: Int, agree: Int
    private let similarity: Double
    private let seed: UInt64

    init(_ table: Tensor, block: Int, bands: Int, agree: Int, similarity: Double, seed: UInt64) {
        rows = block
        width = table.shape[1]
        floats = block * width
        count = (table.shape[0] + block - 1) / block
        (self.bands, self.agree, self.similarity, self.seed) = (bands, min(agree, bands), similarity, seed)
        values = Tensor(shape: [count, floats]) { out in
            out.update(repeating: 0)
            table.withUnsafeBufferPointer { _ = out.update(fromContentsOf: $0) }
        }
    }

    /// The rows of some blocks, `[blocks rows, width]`.
    func gathered(_ blocks: [Int]) -> Tensor {
        values.gathered(rows: blocks.map { Int32($0) }).reshaped([blocks.count * rows, width])
    }

    /// For each block the one that takes its place, itself where it is kept, with at most `most` kept.
    ///
    /// `most` of all blocks or more: one pass at `tolerance`. Otherwise until it is met, at a tolerance that doubles.
    func merged(toAtMost most: Int, tolerance: Float) -> [Int] {
        var owners = Array(0..<count)
        var kept = count
        var tolerance = tolerance
        let order = byPercentile()
        repeat {
            kept = pass(order, &owners, kept: kept, most: most < count ? most : 1, tolerance: tolerance)
            tolerance = max(2 * tolerance, 1e-6)
            // Only blocks that hold no numbers are still unlike at such a tolerance.
            if tolerance > 1e30 { return owners.map { _ in order[0] } }
        } while kept > most
        return owners
    }

    // Blocks by rising 75th percentile of the magnitudes.
    private func byPercentile() -> [Int] {
        let percentiles = values.withUnsafeBufferPointer { all in
            (0..<count).map { block in
                all[block * floats..<(block + 1) * floats].map(\.magnitude).sorted()[(floats - 1) * 3 / 4]
            }
        }
        return (0..<count).sorted { (percentiles[$0], $0) < (percentiles[$1], $1) }
    }

    // Merges kept blocks into earlier kept ones until `most` are left; what a merged block had taken over goes with it.
    private func pass(
        _ order: [Int], _ owners: inout [Int], kept: Int, most: Int, tolerance: Float
    ) -> Int {
        let hashes = hashes(step: 0.4 * max(tolerance, 1e-7) * Float(floats).squareRoot())
        var kept = kept
        var merged: [Int: Int] = [:]
        var buckets = [[Int32: [Int]]](repeating: [:], count: bands)
        for block in order where owners[block] == block {
            if kept <= most { break }
            if let twin = twin(of: block, hashes, buckets, tolerance) {
                merged[block] = twin
                kept -= 1
                continue
            }
            for band in 0..<bands { buckets[band][hashes[block * bands + band], default: []].append(block) }
        }
        for block in owners.indices { owners[block] = merged[owners[block]] ?? owners[block] }
        return kept
    }

    // The most similar earlier block among those that share enough hashes, if it is similar enough.
    private func twin(
        of block: Int, _ hashes: [Int32], _ buckets: [[Int32: [Int]]], _ tolerance: Float
    ) -> Int? {
        var shared: [Int: Int] = [:]
        for band in 0..<bands {
            for other in buckets[band][hashes[block * bands + band]] ?? [] { shared[other, default: 0] += 1 }
        }
        var best: (block: Int, share: Double)?
        for other in shared.filter({ $0.value >= agree }).keys.sorted() {
            let share = agreement(block, other, tolerance)
            if share >= similarity, share > best?.share ?? -1 { best = (other, share) }
        }
        return best?.block
    }

    // The share of places in which two blocks differ by at most `tolerance`.
    private func agreement(_ a: Int, _ b: Int, _ tolerance: Float) -> Double {
        values.withUnsafeBufferPointer { all in
            var same = 0
            for i in 0..<floats where abs(all[a * floats + i] - all[b * floats + i]) <= tolerance {
                same += 1
            }
            return Double(same) / Double(floats)
        }
    }

    // `ceil((a . v + b) / r)` of every block and band.
    private func hashes(step r: Float) -> [Int32] {
        var random = RandomSource(seed: seed ^ 0xDED)
        let directions = Tensor.normal([bands, floats], using: &random)
        let offsets = (0..<bands).map { _ in random.uniform() * r }
        let products = values.matmul(directions, transposingOther: true)
        return products.withUnsafeBufferPointer { all in
            all.indices.map { i in
                let number = ((all[i] + offsets[i % bands]) / r).rounded(.up)
                return Int32(max(-2e9, min(2e9, number)))
            }
        }
    }
}
