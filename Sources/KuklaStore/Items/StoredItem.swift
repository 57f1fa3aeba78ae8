public import KuklaIndex

/// An item as a collection holds it.
public struct StoredItem: Hashable, Sendable {
    /// The operation that wrote it: operations of a collection are numbered from 1, and no number is used twice.
    public let sequence: Int64
    public let id: ItemID
    public let text: String?
    public let metadata: [String: JSONValue]
    /// The vector as it was given, or rounded to float16 where the collection stores that; `nil` unless it was asked for.
    public let vector: [Float]?
}
