"""The changes that need a condition, or several keys at once, as scripts of Redis: each whole or not at all.

Values go through Lua as bytes only, so no digit is lost. Every key's type is looked at before anything is changed, as a
script that fails half-way is not taken back; for the same reason what needs memory comes first.
"""

import hashlib

import msgspec


class Script(msgspec.Struct, frozen=True):
    """A script and the digest by which it is called."""

    text: bytes
    digest: bytes


def _script(text: str) -> Script:
    content = (_TYPED + text).encode()
    return Script(content, hashlib.sha1(content).hexdigest().encode())  # noqa: S324 - Redis names scripts so


_TYPED = """
local function wrong(first, last, wanted)
  for place = first, last do
    local kind = redis.call('TYPE', KEYS[place])['ok']
    if kind ~= wanted and kind ~= 'none' then
      return redis.error_reply('WRONGTYPE ' .. KEYS[place] .. ' holds a ' .. kind .. ' and not a ' .. wanted)
    end
  end
end
local function move(first, last, name)
  if first > last then return end
  redis.call('SADD', KEYS[first], name)
  for place = first + 1, last do redis.call('SREM', KEYS[place], name) end
end
"""

BEGIN = _script("""
-- KEYS: the list, the set of the object, the sets where it is not, tables. ARGV: entry, name, number of sets, fields
local sets = tonumber(ARGV[3])
local refusal = wrong(2, sets + 1, 'set') or wrong(sets + 2, #KEYS, 'hash')
if refusal then return refusal end
if wrong(1, 1, 'list') then redis.call('DEL', KEYS[1]) end
redis.call('RPUSH', KEYS[1], ARGV[1])
redis.call('LTRIM', KEYS[1], -1, -1)
move(2, sets + 1, ARGV[2])
for place = sets + 2, #KEYS do
  local field = ARGV[2 + place - sets]
  if string.sub(field, 1, 1) == '+' then
    redis.call('HSET', KEYS[place], ARGV[2], string.sub(field, 2))
  else
    redis.call('HDEL', KEYS[place], ARGV[2])
  end
end
""")

APPEND = _script("""
-- KEYS: the list, the set of the object, the sets where it is not. ARGV: entry, name
local refusal = wrong(1, 1, 'list') or wrong(2, #KEYS, 'set')
if refusal then return refusal end
if redis.call('RPUSHX', KEYS[1], ARGV[1]) > 0 then move(2, #KEYS, ARGV[2]) end
""")

REMOVE = _script("""
-- KEYS: sets, tables, what is deleted. ARGV: name, number of sets, number of tables
local sets, tables = tonumber(ARGV[2]), tonumber(ARGV[3])
local refusal = wrong(1, sets, 'set') or wrong(sets + 1, sets + tables, 'hash')
if refusal then return refusal end
for place = 1, sets do redis.call('SREM', KEYS[place], ARGV[1]) end
for place = sets + 1, sets + tables do redis.call('HDEL', KEYS[place], ARGV[1]) end
for place = sets + tables + 1, #KEYS do redis.call('DEL', KEYS[place]) end
""")

FIELD = _script("""
-- KEYS: what must be there, a table. ARGV: field, value
local refusal = wrong(2, 2, 'hash')
if refusal then return refusal end
if redis.call('EXISTS', KEYS[1]) == 1 then redis.call('HSET', KEYS[2], ARGV[1], ARGV[2]) end
""")

REPLACE = _script("""
-- KEYS: a value, where its former one goes. ARGV: the value
local kind = redis.call('TYPE', KEYS[1])['ok']
if kind == 'string' then
  redis.call('SET', KEYS[2], redis.call('GET', KEYS[1]))
elseif kind ~= 'none' then
  redis.call('RENAME', KEYS[1], KEYS[2])
end
redis.call('SET', KEYS[1], ARGV[1])
""")

TRIM = _script("""
-- KEYS: a list. ARGV: how many of its first entries go, if it has more
local refusal = wrong(1, 1, 'list')
if refusal then return refusal end
if redis.call('LLEN', KEYS[1]) > tonumber(ARGV[1]) then redis.call('LTRIM', KEYS[1], ARGV[1], -1) end
""")
