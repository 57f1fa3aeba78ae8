public import Foundation
public import KuklaNumerics
import KuklaTables

/// A model of clicks that a server scores rows with.
public struct ServedClickModel: Sendable {
    /// What requests call it.
    public let name: String
    let predictor: TablePredictor

    /// Opens a folder of `kukla tables train`.
    ///
    /// - Parameter name: what requests call the model; the folder's name where nil.
    /// - Throws: `KuklaError`: what of the folder is missing or damaged.
    public init(folder: URL, name: String? = nil) throws(KuklaError) {
        self.name = name ?? folder.standardizedFileURL.lastPathComponent
        predictor = try TablePredictor(folder)
    }
}
