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
    /// Completes the file and gives it its name; without this call nothing appears.
    func commit() throws(KuklaError)
}
