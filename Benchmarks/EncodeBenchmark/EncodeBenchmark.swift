import Foundation
import KuklaNumerics
import KuklaText

/// Encodes token ids from files that Scripts/bench/encode_peer.py writes and prints sentences and tokens a second.
///
/// Usage: EncodeBenchmark MODEL float32|int8 THREADS REPEATS TOKENS [VECTORS.f32]
@main struct EncodeBenchmark {
    static func main() throws {
        let arguments = CommandLine.arguments
        guard arguments.count >= 6, let precision = TextEncoder.Precision(rawValue: arguments[2]),
            let threads = Int(arguments[3]), let repeats = Int(arguments[4])
        else {
            throw KuklaError(
                .usage, "EncodeBenchmark MODEL float32|int8 THREADS REPEATS TOKENS [VECTORS.f32]")
        }
        let clock = ContinuousClock()
        let begin = clock.now
        let encoder = try TextEncoder(folder: URL(fileURLWithPath: arguments[1]), precision: precision)
        print("load", clock.now - begin)
        let (ids, offsets) = tokens(try Data(contentsOf: URL(fileURLWithPath: arguments[5])))
        var best = Duration.seconds(1_000_000)
        var result = Matrix(rows: 0, columns: 0)
        for _ in 0..<repeats {
            let start = clock.now
            result = try encoder.encode(ids: ids, offsets: offsets, threads: threads)
            best = min(best, clock.now - start)
        }
        let seconds = best / .seconds(1)
        print(
            "\(precision) best \(seconds) s, \(Double(offsets.count - 1) / seconds) sentences/s, \(Double(ids.count) / seconds) tokens/s"
        )
        var usage = rusage()
        getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &usage)
        print("peak MB", usage.ru_maxrss / 1024, "user s", usage.ru_utime.tv_sec)
        if arguments.count > 6 {
            try result.withUnsafeBufferPointer {
                try Data(buffer: $0).write(to: URL(fileURLWithPath: arguments[6]))
            }
        }
    }

    /// int64 count, count + 1 int64 offsets, int32 ids; little-endian.
    static func tokens(_ data: Data) -> ([Int32], [Int]) {
        data.withUnsafeBytes { bytes in
            let count = bytes.loadUnaligned(as: Int.self)
            let offsets = (0...count).map { bytes.loadUnaligned(fromByteOffset: 8 + 8 * $0, as: Int.self) }
            let start = 16 + 8 * count
            let ids = (0..<offsets[count]).map {
                bytes.loadUnaligned(fromByteOffset: start + 4 * $0, as: Int32.self)
            }
            return (ids, offsets)
        }
    }
}
