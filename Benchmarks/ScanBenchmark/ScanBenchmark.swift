// How fast codes are scanned: scores of all queries against random codes, and the best 10 of each.
//
//     ScanBenchmark CODEC VECTORS DIMENSIONS QUERIES REPEATS
//
// CODEC is Hamming, B1, PQ<m>x4fs, PQ<m> or RQ<b>. One line of JSON: seconds of the fastest and the median
// repeat, vectors scored a second, GB/s of codes read once for each 64 queries, and the GB/s at which the same buffer is read
// by a plain sum in the same run.
import CKernels
import Foundation
import KuklaCodecs
import KuklaNumerics

/// The best few scores of one query, best first.
struct Best {
    var scores = [Float](repeating: -.infinity, count: 10)
    var positions = [Int](repeating: -1, count: 10)

    mutating func offer(_ score: Float, _ position: Int) {
        guard score > scores[9] else { return }
        var i = 9
        while i > 0, scores[i - 1] < score {
            scores[i] = scores[i - 1]
            positions[i] = positions[i - 1]
            i -= 1
        }
        scores[i] = score
        positions[i] = position
    }
}

func codec(_ name: String, dimensions: Int) throws -> (any VectorCodec, (Matrix) -> any CodeScorer) {
    var random = RandomSource(seed: 1)
    let configuration = CodecConfiguration()
    func numbers(_ rows: Int, _ columns: Int) -> Matrix {
        Matrix(rows: rows, columns: columns) { for i in $0.indices { $0[i] = random.normal() } }
    }
    if name == "Hamming" || name == "B1" {
        let codec = try SignBitCodec.train(
            on: numbers(100, dimensions), metric: .cosine, configuration: configuration)
        return (codec, name == "B1" ? { codec.scorer(for: $0) } : { codec.hammingScorer(for: $0) })
    }
    if name.hasPrefix("RQ"), let bits = Int(name.dropFirst(2)) {
        let codec = try RandomizedQuantizer.train(
            on: numbers(1000, dimensions), metric: .cosine, bits: bits, configuration: configuration)
        return (codec, { codec.scorer(for: $0) })
    }
    let fast = name.hasSuffix("x4fs")
    guard name.hasPrefix("PQ"), let m = Int(name.dropFirst(2).dropLast(fast ? 4 : 0)) else {
        throw KuklaError(.usage, "Unknown codec \(name): give Hamming, B1, RQ<b>, PQ<m> or PQ<m>x4fs.")
    }
    if fast {
        let codec = try FastScanProductQuantizer.train(
            on: numbers(1000, dimensions), metric: .cosine, subspaces: m, configuration: configuration)
        return (codec, { codec.scorer(for: $0) })
    }
    let codec = try ProductQuantizer.train(
        on: numbers(1000, dimensions), metric: .cosine, subspaces: m, configuration: configuration)
    return (codec, { codec.scorer(for: $0) })
}

/// Scores all codes and keeps the best: two threads, tiles of 2,048 vectors, 64 queries at a time.
func search(
    _ queries: Matrix, _ scorer: (Matrix) -> any CodeScorer, _ codes: UnsafeRawPointer, count: Int,
    layout: CodeLayout, threads: Int
) -> Float {
    let tile = 2048
    let select = kk_topk_kernels_for(CPULevel.current.kernelLevel).pointee.select_above_f32
    var checksum: Float = 0
    for start in stride(from: 0, to: queries.rows, by: 64) {
        let some = queries[rows: start..<min(start + 64, queries.rows)]
        let scorer = scorer(some)
        let share = (count / threads + tile - 1) / tile * tile
        let lock = NSLock()
        nonisolated(unsafe) var sum: Float = 0
        nonisolated(unsafe) let codes = codes
        parallelFor(count, grain: share, threads: threads) { range in
            var best = [Best](repeating: Best(), count: some.rows)
            var scores = [Float](repeating: 0, count: some.rows * tile)
            var found = [UInt32](repeating: 0, count: tile)
            for at in stride(from: range.lowerBound, to: range.upperBound, by: tile) {
                let rows = min(tile, range.upperBound - at)
                scores.withUnsafeMutableBufferPointer { scores in
                    scorer.score(
                        codes + at / layout.vectorsPerBlock * layout.bytesPerBlock, count: rows,
                        into: scores.baseAddress!, stride: tile)
                    for q in 0..<some.rows {
                        let row = scores.baseAddress! + q * tile
                        let hits = select(row, rows, best[q].scores[9], nil, &found)
                        for i in 0..<hits { best[q].offer(row[Int(found[i])], at + Int(found[i])) }
                    }
                }
            }
            let total = best.reduce(0) { $0 + $1.scores[9] }
            lock.withLock { sum += total }
        }
        checksum += sum
    }
    return checksum
}

/// Reads all bytes on all threads and returns their sum as words.
func sum(_ pointer: UnsafeRawPointer, bytes: Int, threads: Int) -> UInt64 {
    let lock = NSLock()
    nonisolated(unsafe) var sum: UInt64 = 0
    nonisolated(unsafe) let pointer = pointer
    let words = bytes / 256
    parallelFor(words, grain: (words + threads - 1) / threads, threads: threads) { range in
        var (a, b) = (SIMD16<UInt64>(), SIMD16<UInt64>())
        for i in range {
            a &+= pointer.load(fromByteOffset: i * 256, as: SIMD16<UInt64>.self)
            b &+= pointer.load(fromByteOffset: i * 256 + 128, as: SIMD16<UInt64>.self)
        }
        let total = (a &+ b).wrappedSum()
        lock.withLock { sum &+= total }
    }
    return sum
}

func seconds(_ body: () -> Void) -> Double {
    let clock = ContinuousClock()
    let time = clock.measure(body).components
    return Double(time.seconds) + Double(time.attoseconds) * 1e-18
}

@main struct ScanBenchmark {
    static func main() throws {
        let arguments = CommandLine.arguments
        guard arguments.count == 6 else {
            print("usage: ScanBenchmark CODEC VECTORS DIMENSIONS QUERIES REPEATS")
            exit(64)
        }
        let numbers = arguments[2...].compactMap { Int($0) }
        let (count, dimensions, queryCount, repeats) = (numbers[0], numbers[1], numbers[2], numbers[3])
        let threads = 2
        let (codec, scorer) = try codec(arguments[1], dimensions: dimensions)
        let bytes = codec.layout.byteCount(of: count)
        let codes = UnsafeMutableRawPointer.allocate(byteCount: bytes + 256, alignment: 256)
        var random = RandomSource(seed: 2)
        for i in 0..<(bytes + 7) / 8 { codes.storeBytes(of: random.next(), toByteOffset: i * 8, as: UInt64.self) }
        let queries = Matrix(rows: queryCount, columns: dimensions) {
            for i in $0.indices { $0[i] = random.normal() }
        }
        var checksum: Float = 0
        var times: [Double] = []
        var reads: [Double] = []
        var words: UInt64 = 0
        for _ in 0...repeats {
            times.append(
                seconds {
                    checksum += search(
                        queries, scorer, codes, count: count, layout: codec.layout, threads: threads)
                })
            reads.append(seconds { words &+= sum(codes, bytes: bytes, threads: threads) })
        }
        times = Array(times.dropFirst()).sorted()
        reads = Array(reads.dropFirst()).sorted()
        let passes = Double((queryCount + 63) / 64)
        let read = Double(bytes) / reads[0] / 1e9
        let scan = Double(bytes) * passes / times[0] / 1e9
        print(
            """
            {"codec": "\(arguments[1])", "vectors": \(count), "dimensions": \(dimensions), \
            "queries": \(queryCount), "level": "\(CPULevel.current)", "best_s": \(times[0]), \
            "median_s": \(times[times.count / 2]), \
            "vectors_per_s": \(Double(count * queryCount) / times[0]), "scan_gb_s": \(scan), \
            "read_gb_s": \(read), "of_read": \(scan / read), "checksum": "\(checksum) \(words)"}
            """)
    }
}
