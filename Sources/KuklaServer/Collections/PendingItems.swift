import KuklaFormats
import KuklaIndex
import KuklaNumerics
import KuklaStore

/// Items that were read and wait to be written, some of them for their vectors.
struct PendingItems: Sendable {
    private(set) var records: [ItemLinesReader.Record] = []
    /// Where each was read: the number of a line, or its place in a list.
    private(set) var places: [Int] = []
    /// The vectors of those that came with one, one behind the other.
    private var components: [Float] = []
    /// Items that came with a text and without a vector.
    private(set) var bare: [Int] = []
    let dimensions: Int

    init(_ collection: StoredCollection) { dimensions = collection.settings.dimensions }

    var count: Int { records.count }

    /// The texts of items without vectors.
    var bareTexts: [String] { bare.map { records[$0].text ?? "" } }

    /// Reads an item.
    ///
    /// - Parameter isWhole: whether nothing may follow it.
    /// - Throws: `JSONFault` where it is none of the collection; it is not among the items then.
    mutating func read(
        _ scanner: inout JSONScanner, at place: Int, isWhole: Bool = false
    ) throws(JSONFault) {
        let before = components.count
        do throws(JSONFault) {
            let record = try ItemLinesReader.record(&scanner, &components)
            guard record.id != nil else { throw scanner.fault("the item has no \"id\"") }
            if record.componentCount == 0 {
                guard record.text != nil else {
                    throw scanner.fault("the item has neither a \"vector\" nor a \"text\"")
                }
            } else if record.componentCount != dimensions {
                throw scanner.fault(
                    "the vector has \(record.componentCount) components, those of the collection \(dimensions)"
                )
            }
            if isWhole { try scanner.finish() }
            if record.componentCount == 0 { bare.append(records.count) }
            records.append(record)
            places.append(place)
        } catch {
            components.removeLast(components.count - before)
            throw error
        }
    }

    /// The items with their vectors; `made` are those of the bare ones.
    func batch(_ made: Matrix?) -> ItemBatch {
        ItemBatch(
            records, given: Matrix(rows: count - bare.count, columns: dimensions, elements: components),
            made: made, bare: bare)
    }
}

extension ItemBatch {
    subscript(rows: Range<Int>) -> ItemBatch {
        ItemBatch(
            ids: Array(ids[rows]), vectors: vectors[rows: rows], texts: Array(texts[rows]),
            metadata: Array(metadata[rows]))
    }
}
