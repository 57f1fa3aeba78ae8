import Crypto
public import Foundation
import KuklaNumerics

/// A key to the server, of which only the hash is kept.
public struct APIKey: Codable, Sendable, Hashable {
    /// What a key allows. `write` includes `read`, `admin` both.
    public enum Scope: String, Codable, Sendable, CaseIterable {
        /// Embed, search, look at.
        case read
        /// Change items.
        case write
        /// Make, drop, restore collections, and aliases.
        case admin

        func includes(_ other: Scope) -> Bool {
            Scope.allCases.firstIndex(of: other)! <= Scope.allCases.firstIndex(of: self)!
        }
    }

    /// A short name that logs may show.
    public let id: String
    /// What the key is for, in words.
    public var label: String?
    /// SHA-256 of the key, in hexadecimal digits. The keys are 256 random bits: nothing slower is needed.
    public let hash: String
    public let scopes: [Scope]
    /// Collections that it is for; all where nil.
    public var collections: [String]?
    public let created: Date
    /// When it ends to be valid; never where nil.
    public var expires: Date?

    /// Makes a key of random bits; the secret is not kept anywhere.
    public static func make(
        scopes: [Scope], collections: [String]? = nil, label: String? = nil, expires: Date? = nil, now: Date
    ) -> (key: APIKey, secret: String) {
        let secret = "kk-" + Data(SymmetricKey(size: .bits256).withUnsafeBytes { Array($0) }).base64URL
        let id = Data(SymmetricKey(size: .init(bitCount: 40)).withUnsafeBytes { Array($0) }).base64URL
        // Whole seconds are what the file holds.
        func whole(_ date: Date) -> Date {
            Date(timeIntervalSince1970: date.timeIntervalSince1970.rounded(.down))
        }
        let key = APIKey(
            id: id, label: label, hash: hash(of: secret), scopes: scopes, collections: collections,
            created: whole(now),
            expires: expires.map(whole))
        return (key, secret)
    }

    static func hash(of secret: String) -> String {
        SHA256.hash(data: Data(secret.utf8)).map { byte in
            let digits = String(byte, radix: 16)
            return digits.count == 1 ? "0" + digits : digits
        }.joined()
    }

    /// Whether `hash` is this key's, in a time that does not depend on where they differ.
    func matches(hash other: String) -> Bool {
        let (mine, theirs) = (Array(hash.utf8), Array(other.utf8))
        guard mine.count == theirs.count else { return false }
        var difference: UInt8 = 0
        for (a, b) in zip(mine, theirs) { difference |= a ^ b }
        return difference == 0
    }

    var principal: Principal {
        Principal(key: id, scopes: Set(scopes), collections: collections.map(Set.init))
    }
}

extension Data {
    fileprivate var base64URL: String {
        base64EncodedString().replacing("+", with: "-").replacing("/", with: "_").replacing("=", with: "")
    }
}
