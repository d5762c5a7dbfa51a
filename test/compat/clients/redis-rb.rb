# redis-rb on muster's RESP port: what it reads of one context.
require "json"
require "redis"

options = { host: ENV.fetch("RESP_HOST"), port: ENV.fetch("RESP_PORT").to_i, password: ENV.fetch("COMPAT_SDK_KEY") }
options.merge!(ssl: true, ssl_params: { verify_mode: OpenSSL::SSL::VERIFY_NONE }) if ENV["RESP_TLS"]
client = Redis.new(options)
puts JSON.generate(
  name: "redis-rb #{Redis::VERSION}",
  members: client.smembers(ENV.fetch("COMPAT_KEY")),
  synchronizedOn: client.get("app:big_segments_synchronized_on").to_i,
  generation: JSON.parse(client.hgetall("app:segments").fetch("vip")).fetch("generation"),
  inited: client.exists("app:$inited"),
)
