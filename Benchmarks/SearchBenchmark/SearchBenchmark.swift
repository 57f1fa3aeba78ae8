import Foundation
import KuklaIndex
import KuklaNumerics

/// Times searches of a flat index, on request: reads lines of standard input, answers each with one line.
///
///     SearchBenchmark VECTORS.f32 QUERIES.f32 DIMENSIONS METRIC THREADS FACTORY
///
/// The files hold raw little-endian floats. A line `search BATCH K` searches once for the first BATCH queries and
/// answers with seconds; `ids BATCH K` answers with the ids found. `Benchmarks/peers/search.py` drives it in turn
/// with FAISS.
@main struct SearchBenchmark {
    static func main() throws {
        let arguments = CommandLine.arguments
        guard arguments.count == 7, let dimensions = Int(arguments[3]),
            let metric = Metric(rawValue: arguments[4]),
            let threads = Int(arguments[5])
        else {
            throw KuklaError(
                .usage, "usage: SearchBenchmark VECTORS.f32 QUERIES.f32 DIMENSIONS METRIC THREADS FACTORY")
        }
        let vectors = try matrix(arguments[1], dimensions: dimensions)
        let queries = try matrix(arguments[2], dimensions: dimensions)
        var index = try IndexConfiguration(parsing: arguments[6]).train(on: vectors, metric: metric)
        try index.insert(vectors)
        print("ready \(index.count)")
        fflush(nil)
        while let line = readLine() {
            let words = line.split(separator: " ")
            guard words.count == 3, let batch = Int(words[1]), let k = Int(words[2]) else { break }
            let part = queries[rows: 0..<batch]
            let start = ContinuousClock.now
            let found = try index.search(part, count: k, threads: threads)
            let seconds = (ContinuousClock.now - start) / .seconds(1)
            if words[0] == "ids" {
                print(found.map { $0.map { String($0.id) }.joined(separator: ",") }.joined(separator: " "))
            } else {
                print(seconds)
            }
            fflush(nil)
        }
    }

    private static func matrix(_ path: String, dimensions: Int) throws -> Matrix {
        let file = try MappedFile(URL(fileURLWithPath: path))
        let rows = file.bytes.count / (4 * dimensions)
        return Matrix(
            rows: rows, columns: dimensions,
            borrowing: UnsafeBufferPointer(
                rebasing: file.bytes.bindMemory(to: Float.self).prefix(rows * dimensions)),
            from: file)
    }
}
