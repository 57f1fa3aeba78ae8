import GRDB
import KuklaIndex

extension ItemID {
    /// What stands in the database. Numbers of more than 63 bits are refused before they get here.
    var databaseValue: DatabaseValue {
        switch self {
        case .number(let number): Int64(clamping: number).databaseValue
        case .text(let text): text.databaseValue
        }
    }

    init(_ value: DatabaseValue) {
        switch value.storage {
        case .int64(let number): self = .number(UInt64(clamping: number))
        case .string(let text): self = .text(text)
        default: self = .text("")
        }
    }
}
