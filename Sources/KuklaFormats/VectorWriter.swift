public import Foundation
public import KuklaNumerics

/// Writes vectors block by block to a file that appears when it is committed.
public protocol VectorWriter: AnyObject {
    /// Components of each vector.
    var dimensions: Int { get }
    /// Vectors written so far.
    var count: Int { get }
    /// Appends the rows of `vectors`.
    ///
    /// - Precondition: `vectors.columns == dimensions`.
    /// - Throws: `KuklaError` where the disk refuses, or a component has no value in the file's type.
    func append(_ vectors: Matrix) throws(KuklaError)
    /// Appends the rows of `vectors` under `ids`, one for each row; formats without names leave the names out.
    func append(_ vectors: Matrix, ids: [String]?) throws(KuklaError)
    /// Completes the file and gives it its name; without this call nothing appears.
    func commit() throws(KuklaError)
}

extension VectorWriter {
    public func append(_ vectors: Matrix, ids: [String]?) throws(KuklaError) { try append(vectors) }
}

extension VectorFile {
    /// Starts a vector file that will be `url`, in the format that its name asks for: `.npy`, `.fvecs` or `.jsonl`.
    ///
    /// - Parameter names: of the dimensions, for formats that have room for them (JSON lines).
    /// - Throws: `KuklaError.usage` for another name, `inputOutput` where the folder cannot be written.
    public static func create(
        _ url: URL, dimensions: Int, names: [String]? = nil
    ) throws(KuklaError) -> any VectorWriter {
        switch url.pathExtension.lowercased() {
        case "npy": return try NPYWriter(url, dimensions: dimensions)
        case "fvecs": return try FvecsWriter(url, dimensions: dimensions)
        case "jsonl", "ndjson": return try JSONLinesVectorWriter(url, dimensions: dimensions, names: names)
        default:
            throw KuklaError(
                .usage,
                "Cannot write \(url.path): the name tells the format; expected one that ends in .npy, .fvecs or .jsonl."
            )
        }
    }
}
