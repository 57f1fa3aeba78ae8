import Foundation
import KuklaFormats
import KuklaNumerics

/// A vector file that is written in chunks, in the format that its name asks for.
final class OutputVectors {
    let dimensions: Int
    private let write: (Matrix, [String?]) throws(KuklaError) -> Void
    private let finish: () throws(KuklaError) -> Void

    init(_ url: URL, dimensions: Int) throws(KuklaError) {
        self.dimensions = dimensions
        switch url.pathExtension.lowercased() {
        case "npy":
            let writer = try NPYWriter(url, dimensions: dimensions)
            write = { (vectors, _) throws(KuklaError) in try writer.append(vectors) }
            finish = { () throws(KuklaError) in try writer.commit() }
        case "fvecs":
            let writer = try TexmexWriter(url, dimensions: dimensions)
            write = { (vectors, _) throws(KuklaError) in try writer.append(vectors) }
            finish = { () throws(KuklaError) in try writer.commit() }
        case "jsonl", "ndjson":
            let writer = try JSONLinesVectorWriter(url, dimensions: dimensions)
            write = { (vectors, ids) throws(KuklaError) in try writer.append(vectors, ids: ids) }
            finish = { () throws(KuklaError) in try writer.commit() }
        default:
            throw KuklaError(
                .usage,
                "Cannot write \(url.path): the name tells the format; expected one that ends in .npy, .fvecs or .jsonl.")
        }
    }

    func append(_ vectors: Matrix, ids: [String?]) throws(KuklaError) { try write(vectors, ids) }
    func commit() throws(KuklaError) { try finish() }
}
