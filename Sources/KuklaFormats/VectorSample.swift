public import Foundation
public import KuklaNumerics

/// A random sample of the rows of a vector file, taken in one pass.
///
/// Files that can be mapped are sampled in place; others are read once, keeping a reservoir of `limit` rows
/// (Vitter 1985, "Random sampling with a reservoir", doi:10.1145/3147.3165), so that memory stays bounded.
public struct VectorSample: Sendable {
    /// `[min(limit, count), dimensions]`: all rows in order where there are no more than `limit`.
    public let vectors: Matrix
    /// Rows of the file.
    public let count: Int

    /// - Throws: `KuklaError` where the file cannot be read, is empty, or has components that are not finite.
    public init(of url: URL, limit: Int, seed: UInt64) throws(KuklaError) {
        var random = RandomSource(seed: seed)
        let reader = try VectorFile.open(url)
        var kept: [Matrix] = []
        var reservoir = Matrix(rows: 0, columns: reader.dimensions)
        var count = 0
        while let chunk = try reader.next(maxRows: 8192) {
            if count + chunk.rows <= limit {
                kept.append(chunk)
            } else {
                if !kept.isEmpty {
                    reservoir = Self.joined(kept, with: chunk, limit: limit)
                    kept = []
                }
                for row in 0..<chunk.rows {
                    let position = count + row
                    let slot = position < limit ? position : Int.random(in: 0...position, using: &random)
                    guard slot < limit else { continue }
                    chunk.withUnsafeRow(row) { from in
                        reservoir.withUnsafeMutableBufferPointer { all in
                            _ = UnsafeMutableBufferPointer(
                                rebasing: all[slot * from.count..<(slot + 1) * from.count]
                            )
                            .update(fromContentsOf: from)
                        }
                    }
                }
            }
            count += chunk.rows
        }
        guard count > 0 else {
            throw KuklaError(.badData, "Cannot use \(url.path): it holds no vectors.")
        }
        vectors = kept.isEmpty ? reservoir : Self.joined(kept, with: kept[0][rows: 0..<0], limit: count)
        self.count = count
    }

    /// The rows of `parts`, in a matrix with room for `limit`.
    private static func joined(_ parts: [Matrix], with last: Matrix, limit: Int) -> Matrix {
        Matrix(rows: limit, columns: last.columns) { out in
            var done = 0
            for part in parts {
                part.withUnsafeBufferPointer {
                    _ = UnsafeMutableBufferPointer(rebasing: out[done...]).update(fromContentsOf: $0)
                    done += $0.count
                }
            }
            UnsafeMutableBufferPointer(rebasing: out[done...]).update(repeating: 0)
        }
    }
}
